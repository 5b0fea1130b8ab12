// Output-stationary PE: a weight register per lane for the step in hand, the stationary partial sum, a shadow result
// register that the drain shifts down, and a register stage that hands the row's bundle to the eastern neighbour.
module os_pe #(
    parameter LANES         = 1,
    parameter W_BITS        = 8,
    parameter DIGIT_WIDTH   = 9,
    parameter POSITION_BITS = 4,
    parameter ACC_BITS      = 32
) (
    input  wire                           clk,
    input  wire                           start,     // first cycle of a step: takes the weights from above
    input  wire                           first,     // first cycle of a fold
    input  wire                           active,
    input  wire                           ends,     // last cycle of a fold: the result goes to the shadow
    input  wire [LANES*DIGIT_WIDTH-1:0]   digits,
    input  wire [LANES*POSITION_BITS-1:0] positions,
    input  wire [LANES*(W_BITS+1)-1:0]    weights_above,
    input  wire                           shift,     // the drain moves one row down
    input  wire [ACC_BITS-1:0]            result_above,
    output reg  [ACC_BITS-1:0]            result
);
    reg  [LANES*(W_BITS+1)-1:0] held;
    reg  signed [ACC_BITS-1:0]  sum;
    wire signed [ACC_BITS-1:0]  partial;

    dot #(
        .LANES(LANES), .W_BITS(W_BITS), .DIGIT_WIDTH(DIGIT_WIDTH), .POSITION_BITS(POSITION_BITS), .ACC_BITS(ACC_BITS)
    ) multipliers (
        .weights(start ? weights_above : held), .digits(digits), .positions(positions), .sum(partial)
    );

    wire signed [ACC_BITS-1:0] next_sum = (first ? {ACC_BITS{1'b0}} : sum) + (active ? partial : {ACC_BITS{1'b0}});

    always @(posedge clk) begin
        if (start) held <= weights_above;
        if (active) sum <= next_sum;
        if (ends) result <= next_sum;
        else if (shift) result <= result_above;
    end
endmodule
