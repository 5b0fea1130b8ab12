// Control of one output-stationary row, at its western edge. A step starts when the row is free, the operand from
// above is there and the next row's FIFO has room; it then occupies the row for its beat, the last step of a fold
// longer where the row's result registers still hold the fold before.
module os_row #(
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
    input  wire [15:0]                    steps,
    input  wire [15:0]                    row_folds,
    input  wire [LANES*(A_BITS+1)-1:0]    operands,       // activations of (row_fold, step)
    input  wire                           operand_valid,  // weights from above
    input  wire                           room,
    input  wire                           result_free,
    output wire [15:0]                    row_fold,
    output wire [15:0]                    col_fold,
    output wire [31:0]                    fold,           // folds that this row has ended
    output reg  [15:0]                    step,
    output wire                           start,
    output wire                           first,
    output wire                           active,
    output wire                           ends,
    output wire [LANES*DIGIT_WIDTH-1:0]   digits,
    output wire [LANES*POSITION_BITS-1:0] positions
);
    reg  busy;   // a step has begun
    reg  spent;  // and its beat is over
    wire last;

    assign start  = !busy && operand_valid && room;
    assign active = (busy && !spent) || start;
    assign first  = start && step == 0;

    wire last_step = step + 1'b1 == steps;
    wire worked    = spent || (active && last);
    wire completes = worked && (result_free || !last_step);
    assign ends = completes && last_step;

    serializer #(
        .ARITHMETIC(ARITHMETIC), .LANES(LANES), .A_BITS(A_BITS), .DIGIT_BITS(DIGIT_BITS), .ENCODING(ENCODING),
        .DIGIT_WIDTH(DIGIT_WIDTH), .POSITION_BITS(POSITION_BITS)
    ) serial (
        .clk(clk), .rst(rst), .operands(operands), .spend(active), .restart(completes),
        .digits(digits), .positions(positions), .last(last)
    );

    fold_counter folds (
        .clk(clk), .rst(rst), .next(ends), .row_folds(row_folds),
        .row_fold(row_fold), .col_fold(col_fold), .fold(fold)
    );

    always @(posedge clk) begin
        if (rst) begin
            step  <= 0;
            busy  <= 1'b0;
            spent <= 1'b0;
        end else if (completes) begin
            step  <= last_step ? 16'd0 : step + 1'b1;
            busy  <= 1'b0;
            spent <= 1'b0;
        end else if (active) begin
            busy  <= 1'b1;
            spent <= last;
        end
    end
endmodule
