// Operands at one edge of the array: one write port for the host, PORTS read ports, one word each per cycle
// (`buffers.unlimited_ports`: the page's section 7 is not part of this model). A word is kept as BITS raw bits
// and leaves as a two's-complement number of BITS + 1 bits, so that signed, unsigned and the one-bit -1/+1
// operands look alike behind the edge. A read that is not `enable`d (padding) gives zero.
module operand_store #(
    parameter PORTS  = 1,
    parameter BITS   = 8,
    parameter SIGNED = 1,
    parameter WORDS  = 1024
) (
    input  wire                      clk,
    input  wire                      write,
    input  wire [31:0]               write_address,
    input  wire [15:0]               write_word,
    input  wire [PORTS*32-1:0]       addresses,
    input  wire [PORTS-1:0]          enable,
    output wire [PORTS*(BITS+1)-1:0] operands
);
    reg [BITS-1:0] words [0:WORDS-1];

    always @(posedge clk) if (write) words[write_address] <= write_word[BITS-1:0];

    genvar p;
    generate
        for (p = 0; p < PORTS; p = p + 1) begin : port
            wire [BITS-1:0] word = words[addresses[p*32 +: 32]];
            wire [BITS:0]   number;
            if (SIGNED && BITS == 1) assign number = {!word[0], 1'b1};  // 1 is +1, 0 is -1
            else assign number = {SIGNED ? word[BITS-1] : 1'b0, word};
            assign operands[p*(BITS+1) +: BITS+1] = enable[p] ? number : {(BITS + 1) {1'b0}};
        end
    endgenerate
endmodule
