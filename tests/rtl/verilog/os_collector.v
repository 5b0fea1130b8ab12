// Bottom of one output-stationary column: writes the drained results into its own bank, last row of the fold first;
// the host reads output (m, n) at (column fold · M + m).
module os_collector #(
    parameter ROWS     = 4,
    parameter ACC_BITS = 32,
    parameter WORDS    = 1024
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                take,
    input  wire [ACC_BITS-1:0] result,
    input  wire [15:0]         size_m,
    input  wire [15:0]         row_folds,
    input  wire [31:0]         read_address,
    output wire [ACC_BITS-1:0] read_word,
    output wire [31:0]         folds_drained
);
    reg  [ACC_BITS-1:0] bank [0:WORDS-1];
    reg  [15:0]         taken;
    wire [15:0]         row_fold;
    wire [15:0]         col_fold;
    wire [31:0]         m = row_fold * ROWS + (ROWS - 1 - taken);

    fold_counter folds (
        .clk(clk), .rst(rst), .next(take && taken == ROWS - 1), .row_folds(row_folds),
        .row_fold(row_fold), .col_fold(col_fold), .fold(folds_drained)
    );

    assign read_word = bank[read_address];

    always @(posedge clk) begin
        if (rst) taken <= 0;
        else if (take) begin
            if (m < size_m) bank[col_fold * size_m + m] <= result;
            taken <= (taken == ROWS - 1) ? 16'd0 : taken + 1'b1;
        end
    end
endmodule
