// The FIFO between two vertical neighbours: DEPTH entries, 1 being the plain pipeline register.
// An entry pushed in one cycle can be popped from the next cycle on; a full FIFO takes a push in the
// cycle of a pop, so `ready` looks through to the consumer.
module fifo #(
    parameter WIDTH = 8,
    parameter DEPTH = 1
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             push,
    input  wire [WIDTH-1:0] entry,
    input  wire             pop,
    output wire [WIDTH-1:0] head,
    output wire             valid,
    output wire             ready,
    output wire             misuse
);
    localparam INDEX_BITS = (DEPTH > 1) ? $clog2(DEPTH) : 1;
    localparam COUNT_BITS = $clog2(DEPTH + 1);

    reg [WIDTH-1:0]      entries [0:DEPTH-1];
    reg [INDEX_BITS-1:0] read_index;
    reg [INDEX_BITS-1:0] write_index;
    reg [COUNT_BITS-1:0] used;

    assign head   = entries[read_index];
    assign valid  = used != 0;
    assign ready  = used != DEPTH || pop;
    assign misuse = (push && !ready) || (pop && !valid);

    always @(posedge clk) begin
        if (rst) begin
            read_index  <= 0;
            write_index <= 0;
            used        <= 0;
        end else begin
            if (push) begin
                entries[write_index] <= entry;
                write_index          <= (write_index == DEPTH - 1) ? 0 : write_index + 1'b1;
            end
            if (pop) read_index <= (read_index == DEPTH - 1) ? 0 : read_index + 1'b1;
            if (push && !pop) used <= used + 1'b1;
            if (pop && !push) used <= used - 1'b1;
        end
    end
endmodule
