// Weight-stationary PE: a stationary and a shadow register per lane, an accumulator for the step's product, and a
// register stage that hands the row's bundle to the eastern neighbour. The partial-sum FIFOs lie between PEs.
module ws_pe #(
    parameter LANES         = 1,
    parameter W_BITS        = 8,
    parameter DIGIT_WIDTH   = 9,
    parameter POSITION_BITS = 4,
    parameter ACC_BITS      = 32
) (
    input  wire                           clk,
    input  wire                           copy,     // first cycle of a fold: the shadow becomes the stationary weight
    input  wire                           first,    // first cycle of a step
    input  wire                           active,   // the step spends a cycle of its beat
    input  wire [LANES*DIGIT_WIDTH-1:0]   digits,
    input  wire [LANES*POSITION_BITS-1:0] positions,
    input  wire                           shift,    // the load moves one row down
    input  wire [LANES*(W_BITS+1)-1:0]    shadow_above,
    output reg  [LANES*(W_BITS+1)-1:0]    shadow,
    input  wire signed [ACC_BITS-1:0]     sum_above,
    output wire signed [ACC_BITS-1:0]     sum_below
);
    reg  [LANES*(W_BITS+1)-1:0] stationary;
    reg  signed [ACC_BITS-1:0]  product;
    wire signed [ACC_BITS-1:0]  partial;

    dot #(
        .LANES(LANES), .W_BITS(W_BITS), .DIGIT_WIDTH(DIGIT_WIDTH), .POSITION_BITS(POSITION_BITS), .ACC_BITS(ACC_BITS)
    ) multipliers (
        .weights(copy ? shadow : stationary), .digits(digits), .positions(positions), .sum(partial)
    );

    wire signed [ACC_BITS-1:0] so_far = (first ? {ACC_BITS{1'b0}} : product) + (active ? partial : {ACC_BITS{1'b0}});
    assign sum_below = sum_above + so_far;

    always @(posedge clk) begin
        if (shift) shadow <= shadow_above;
        if (copy) stationary <= shadow;
        if (active) product <= so_far;
    end
endmodule
