// Bottom of one weight-stationary column: adds the partial sums of the K folds of an output into its own bank,
// which the host reads at (column fold · M + m).
module ws_collector #(
    parameter ACC_BITS = 32,
    parameter WORDS    = 1024
) (
    input  wire                clk,
    input  wire                rst,
    input  wire                fire,
    input  wire [ACC_BITS-1:0] sum,
    input  wire [15:0]         steps,
    input  wire [15:0]         row_folds,
    input  wire [31:0]         read_address,
    output wire [ACC_BITS-1:0] read_word,
    output wire [31:0]         folds_ended
);
    reg  [ACC_BITS-1:0] bank [0:WORDS-1];
    reg  [15:0]         step;
    wire [15:0]         row_fold;
    wire [15:0]         col_fold;
    wire [31:0]         address = col_fold * steps + step;

    fold_counter folds (
        .clk(clk), .rst(rst), .next(fire && step + 1'b1 == steps), .row_folds(row_folds),
        .row_fold(row_fold), .col_fold(col_fold), .fold(folds_ended)
    );

    assign read_word = bank[read_address];

    always @(posedge clk) begin
        if (rst) step <= 0;
        else if (fire) begin
            bank[address] <= (row_fold == 0) ? sum : bank[address] + sum;
            step          <= (step + 1'b1 == steps) ? 16'd0 : step + 1'b1;
        end
    end
endmodule
