// Top: an array between its operand stores, with a host port. The host writes the operands (A row-major M×K, W
// row-major K×N), sets the sizes, raises `run` and reads the outputs and `cycles` when `done` rises. `cycles` counts
// from the first cycle of the first load (ws) or streaming (os) to the last cycle of streaming (ws) or drain (os).
module machine #(
    parameter DATAFLOW     = 0,  // 0 ws, 1 os
    parameter ROWS         = 4,
    parameter COLS         = 4,
    parameter LANES        = 1,
    parameter FIFO_DEPTH   = 1,
    parameter A_BITS       = 8,
    parameter W_BITS       = 8,
    parameter A_SIGNED     = 0,
    parameter W_SIGNED     = 1,
    parameter ACC_BITS     = 32,
    parameter ARITHMETIC   = 0,  // 0 parallel, 1 serial_act, 2 term_serial_act
    parameter DIGIT_BITS   = 1,
    parameter ENCODING     = 0,  // 0 bits, 1 csd
    parameter FOLD_OVERLAP = 1,  // 0 none, 1 preload, 2 full
    parameter A_WORDS      = 1024,
    parameter W_WORDS      = 1024,
    parameter OUT_WORDS    = 1024
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                run,
    input  wire [15:0]         size_m,
    input  wire [15:0]         size_n,
    input  wire [15:0]         size_k,
    input  wire [15:0]         row_folds,
    input  wire [15:0]         col_folds,
    input  wire                a_write,
    input  wire                w_write,
    input  wire [31:0]         write_address,
    input  wire [15:0]         write_word,
    input  wire [15:0]         read_col,
    input  wire [31:0]         read_address,
    output wire [ACC_BITS-1:0] read_word,
    output wire                done,
    output reg                 misused,  // a FIFO or a result register was pushed full or popped empty
    output reg  [31:0]         cycles
);
    wire [ROWS*LANES*32-1:0]         a_addresses;
    wire [ROWS*LANES-1:0]            a_enable;
    wire [ROWS*LANES*(A_BITS+1)-1:0] a_operands;
    wire [COLS*LANES*32-1:0]         w_addresses;
    wire [COLS*LANES-1:0]            w_enable;
    wire [COLS*LANES*(W_BITS+1)-1:0] w_operands;
    wire                             misuse;

    operand_store #(.PORTS(ROWS*LANES), .BITS(A_BITS), .SIGNED(A_SIGNED), .WORDS(A_WORDS)) activations (
        .clk(clk), .write(a_write), .write_address(write_address), .write_word(write_word),
        .addresses(a_addresses), .enable(a_enable), .operands(a_operands)
    );
    operand_store #(.PORTS(COLS*LANES), .BITS(W_BITS), .SIGNED(W_SIGNED), .WORDS(W_WORDS)) weights (
        .clk(clk), .write(w_write), .write_address(write_address), .write_word(write_word),
        .addresses(w_addresses), .enable(w_enable), .operands(w_operands)
    );

    generate
        if (DATAFLOW == 0) begin : ws
            ws_array #(
                .ROWS(ROWS), .COLS(COLS), .LANES(LANES), .FIFO_DEPTH(FIFO_DEPTH), .A_BITS(A_BITS), .W_BITS(W_BITS),
                .ACC_BITS(ACC_BITS), .ARITHMETIC(ARITHMETIC), .DIGIT_BITS(DIGIT_BITS), .ENCODING(ENCODING),
                .FOLD_OVERLAP(FOLD_OVERLAP), .OUT_WORDS(OUT_WORDS)
            ) array (
                .clk(clk), .rst(rst), .run(run), .size_m(size_m), .size_n(size_n), .size_k(size_k),
                .row_folds(row_folds), .col_folds(col_folds),
                .a_addresses(a_addresses), .a_enable(a_enable), .a_operands(a_operands),
                .w_addresses(w_addresses), .w_enable(w_enable), .w_operands(w_operands),
                .read_col(read_col), .read_address(read_address), .read_word(read_word), .done(done), .misuse(misuse)
            );
        end else begin : os
            os_array #(
                .ROWS(ROWS), .COLS(COLS), .LANES(LANES), .FIFO_DEPTH(FIFO_DEPTH), .A_BITS(A_BITS), .W_BITS(W_BITS),
                .ACC_BITS(ACC_BITS), .ARITHMETIC(ARITHMETIC), .DIGIT_BITS(DIGIT_BITS), .ENCODING(ENCODING),
                .FOLD_OVERLAP(FOLD_OVERLAP), .OUT_WORDS(OUT_WORDS)
            ) array (
                .clk(clk), .rst(rst), .run(run), .size_m(size_m), .size_n(size_n), .size_k(size_k),
                .row_folds(row_folds), .col_folds(col_folds),
                .a_addresses(a_addresses), .a_enable(a_enable), .a_operands(a_operands),
                .w_addresses(w_addresses), .w_enable(w_enable), .w_operands(w_operands),
                .read_col(read_col), .read_address(read_address), .read_word(read_word), .done(done), .misuse(misuse)
            );
        end
    endgenerate

    always @(posedge clk) begin
        if (rst) begin
            cycles  <= 0;
            misused <= 1'b0;
        end else begin
            if (run && !done) cycles <= cycles + 1;
            if (misuse) misused <= 1'b1;
        end
    end
endmodule
