// One row's operand serializer: turns the LANES activations of a step into what the row's PEs take per cycle,
// a signed digit and its position (digit · 2^position) for each lane.
//   ARITHMETIC 0 parallel: the whole operand in one cycle.
//   ARITHMETIC 1 serial_act: DIGIT_BITS bits per cycle, least significant first; the top digit carries the sign.
//   ARITHMETIC 2 term_serial_act: per lane and cycle its lowest effectual term, ±1 at a position; a lane that has
//                no term left sends 0. ENCODING 0: ones of the magnitude; 1: canonical signed digits.
// `spend`: this cycle belongs to the step; `restart`: the next cycle begins another step; `last`: no digit or term
// remains after this cycle.
module serializer #(
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
    input  wire [LANES*(A_BITS+1)-1:0]    operands,
    input  wire                           spend,
    input  wire                           restart,
    output wire [LANES*DIGIT_WIDTH-1:0]   digits,
    output wire [LANES*POSITION_BITS-1:0] positions,
    output wire                           last
);
    localparam DIGITS = (A_BITS + DIGIT_BITS - 1) / DIGIT_BITS;

    genvar l;
    generate
        if (ARITHMETIC == 0) begin : parallel
            assign digits    = operands;
            assign positions = {(LANES * POSITION_BITS) {1'b0}};
            assign last      = 1'b1;
        end else if (ARITHMETIC == 1) begin : digit_serial
            reg [4:0] count;
            wire [POSITION_BITS-1:0] position = count * DIGIT_BITS;
            assign last = count == DIGITS - 1;
            always @(posedge clk) begin
                if (rst || restart) count <= 0;
                else if (spend) count <= count + 1'b1;
            end
            for (l = 0; l < LANES; l = l + 1) begin : lane
                wire [A_BITS:0] operand = operands[l*(A_BITS+1) +: A_BITS+1];
                // One bit more than the digits hold: the sign of the last one.
                wire [DIGITS*DIGIT_BITS:0] extended = {{(DIGITS * DIGIT_BITS) {operand[A_BITS]}}, operand};
                wire [DIGIT_BITS:0] slice = extended >> position;
                assign digits[l*DIGIT_WIDTH +: DIGIT_WIDTH] = last ? slice : {1'b0, slice[DIGIT_BITS-1:0]};
                assign positions[l*POSITION_BITS +: POSITION_BITS] = position;
            end
        end else begin : term_serial
            reg fresh;  // the next spent cycle is the first of its step
            wire [LANES-1:0] more;
            assign last = more == 0;
            always @(posedge clk) begin
                if (rst || restart) fresh <= 1'b1;
                else if (spend) fresh <= 1'b0;
            end
            for (l = 0; l < LANES; l = l + 1) begin : lane
                wire [A_BITS+1:0] operand = {operands[l*(A_BITS+1)+A_BITS], operands[l*(A_BITS+1) +: A_BITS+1]};
                wire [A_BITS:0] plus;
                wire [A_BITS:0] minus;
                if (ENCODING == 0) begin : ones
                    wire negative = operand[A_BITS+1];
                    wire [A_BITS:0] magnitude = negative ? -operand[A_BITS:0] : operand[A_BITS:0];
                    assign plus  = negative ? {(A_BITS + 1) {1'b0}} : magnitude;
                    assign minus = negative ? magnitude : {(A_BITS + 1) {1'b0}};
                end else begin : canonical
                    // Non-adjacent form: the digits of x are those of 3x/2 minus those of x/2.
                    wire [A_BITS+1:0] half  = {operand[A_BITS+1], operand[A_BITS+1:1]};
                    wire [A_BITS+1:0] three = operand + half;
                    wire [A_BITS+1:0] up    = three & ~half;
                    wire [A_BITS+1:0] down  = half & ~three;
                    assign plus  = up[A_BITS:0];
                    assign minus = down[A_BITS:0];
                end
                reg  [A_BITS:0] remaining;
                wire [A_BITS:0] terms  = fresh ? plus | minus : remaining;
                wire [A_BITS:0] lowest = terms & (~terms + 1'b1);
                wire [A_BITS:0] after  = terms & ~lowest;
                reg  [POSITION_BITS-1:0] position;
                integer i;
                always @* begin
                    position = 0;
                    for (i = 0; i <= A_BITS; i = i + 1) if (lowest[i]) position = position | i[POSITION_BITS-1:0];
                end
                always @(posedge clk) if (spend) remaining <= after;
                assign more[l] = after != 0;
                assign positions[l*POSITION_BITS +: POSITION_BITS] = position;
                assign digits[l*DIGIT_WIDTH +: DIGIT_WIDTH] =
                    (lowest & minus) != 0 ? 2'b11 : (lowest != 0 ? 2'b01 : 2'b00);
            end
        end
    endgenerate
endmodule
