// Control of one weight-stationary row, at its western edge. A step spends its beat; it ends (`fire`) in the cycle in
// which the beat is spent, the partial sum from above is there and there is room below. What it decides in a cycle
// acts on column 0 in that cycle and on column c in the c-th cycle after.
module ws_row #(
    parameter ARITHMETIC    = 0,
    parameter LANES         = 1,
    parameter A_BITS        = 8,
    parameter DIGIT_BITS    = 1,
    parameter ENCODING      = 0,
    parameter DIGIT_WIDTH   = 9,
    parameter POSITION_BITS = 4
) (
    input  wire                           clk,
    input  wire                           rst,
    input  wire [31:0]                    released,   // folds that may stream
    input  wire [15:0]                    steps,
    input  wire [15:0]                    row_folds,
    input  wire [LANES*(A_BITS+1)-1:0]    operands,   // activations of (row_fold, step)
    input  wire                           sum_valid,
    input  wire                           room,
    output wire [15:0]                    row_fold,
    output wire [31:0]                    fold,       // folds that this row has ended
    output reg  [15:0]                    step,
    output wire                           copy,
    output wire                           first,
    output wire                           active,
    output wire                           fire,
    output wire [LANES*DIGIT_WIDTH-1:0]   digits,
    output wire [LANES*POSITION_BITS-1:0] positions
);
    reg  begun;  // a cycle of the step's beat has been spent
    reg  spent;  // all of them
    wire last;
    wire running = fold < released;

    assign active = running && !spent;
    assign first  = active && !begun;
    assign copy   = first && step == 0;
    assign fire   = running && (spent || last) && sum_valid && room;

    serializer #(
        .ARITHMETIC(ARITHMETIC), .LANES(LANES), .A_BITS(A_BITS), .DIGIT_BITS(DIGIT_BITS), .ENCODING(ENCODING),
        .DIGIT_WIDTH(DIGIT_WIDTH), .POSITION_BITS(POSITION_BITS)
    ) serial (
        .clk(clk), .rst(rst), .operands(operands), .spend(active), .restart(fire),
        .digits(digits), .positions(positions), .last(last)
    );

    wire [15:0] col_fold;
    fold_counter folds (
        .clk(clk), .rst(rst), .next(fire && step + 1'b1 == steps), .row_folds(row_folds),
        .row_fold(row_fold), .col_fold(col_fold), .fold(fold)
    );

    always @(posedge clk) begin
        if (rst) begin
            step  <= 0;
            begun <= 1'b0;
            spent <= 1'b0;
        end else if (fire) begin
            step  <= (step + 1'b1 == steps) ? 16'd0 : step + 1'b1;
            begun <= 1'b0;
            spent <= 1'b0;
        end else if (active) begin
            begun <= 1'b1;
            spent <= last;
        end
    end
endmodule
