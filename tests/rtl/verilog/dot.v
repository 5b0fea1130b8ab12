// The multipliers of one PE: the sum over lanes of weight · digit · 2^position, combinational.
// For a serial PE a digit is one bit and its sign, so the product is an AND, a negation and a shift.
module dot #(
    parameter LANES         = 1,
    parameter W_BITS        = 8,
    parameter DIGIT_WIDTH   = 9,
    parameter POSITION_BITS = 4,
    parameter ACC_BITS      = 32
) (
    input  wire [LANES*(W_BITS+1)-1:0]    weights,
    input  wire [LANES*DIGIT_WIDTH-1:0]   digits,
    input  wire [LANES*POSITION_BITS-1:0] positions,
    output reg signed [ACC_BITS-1:0]      sum
);
    reg signed [ACC_BITS-1:0] weight;
    reg signed [ACC_BITS-1:0] digit;
    integer l;

    always @* begin
        sum = 0;
        weight = 0;
        digit = 0;
        for (l = 0; l < LANES; l = l + 1) begin
            weight = $signed(weights[l*(W_BITS+1) +: W_BITS+1]);
            digit  = $signed(digits[l*DIGIT_WIDTH +: DIGIT_WIDTH]);
            sum    = sum + ((weight * digit) <<< positions[l*POSITION_BITS +: POSITION_BITS]);
        end
    end
endmodule
