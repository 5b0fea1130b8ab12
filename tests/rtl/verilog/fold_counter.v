// Walks the folds of a product in the machine's order: the row folds of one column fold, then the next column fold.
module fold_counter (
    input  wire        clk,
    input  wire        rst,
    input  wire        next,
    input  wire [15:0] row_folds,
    output reg  [15:0] row_fold,
    output reg  [15:0] col_fold,
    output reg  [31:0] fold
);
    always @(posedge clk) begin
        if (rst) begin
            row_fold <= 0;
            col_fold <= 0;
            fold     <= 0;
        end else if (next) begin
            row_fold <= (row_fold + 1'b1 == row_folds) ? 16'd0 : row_fold + 1'b1;
            if (row_fold + 1'b1 == row_folds) col_fold <= col_fold + 1'b1;
            fold <= fold + 1'b1;
        end
    end
endmodule
