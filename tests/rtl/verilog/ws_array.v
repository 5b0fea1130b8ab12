// The weight-stationary array and its fold sequencer. Every row has its own control at column 0; what the control
// decides travels east one column per cycle together with the activation digits, and so does the load.
//   FOLD_OVERLAP 0 none: a fold's load waits for the end of the streaming before it, at the last column.
//                1 preload: it starts with that streaming; the next streaming waits for both, at the last column.
//                2 full: folds are one sequence of steps; the load shifts row j as soon as row j has copied the
//                  shadow of the fold before, and stalls where a row is late.
module ws_array #(
    parameter ROWS         = 4,
    parameter COLS         = 4,
    parameter LANES        = 1,
    parameter FIFO_DEPTH   = 1,
    parameter A_BITS       = 8,
    parameter W_BITS       = 8,
    parameter ACC_BITS     = 32,
    parameter ARITHMETIC   = 0,
    parameter DIGIT_BITS   = 1,
    parameter ENCODING     = 0,
    parameter FOLD_OVERLAP = 1,
    parameter OUT_WORDS    = 1024
) (
    input  wire                               clk,
    input  wire                               rst,
    input  wire                               run,
    input  wire [15:0]                        size_m,
    input  wire [15:0]                        size_n,
    input  wire [15:0]                        size_k,
    input  wire [15:0]                        row_folds,
    input  wire [15:0]                        col_folds,
    output wire [ROWS*LANES*32-1:0]           a_addresses,
    output wire [ROWS*LANES-1:0]              a_enable,
    input  wire [ROWS*LANES*(A_BITS+1)-1:0]   a_operands,
    output wire [COLS*LANES*32-1:0]           w_addresses,
    output wire [COLS*LANES-1:0]              w_enable,
    input  wire [COLS*LANES*(W_BITS+1)-1:0]   w_operands,
    input  wire [15:0]                        read_col,
    input  wire [31:0]                        read_address,
    output wire [ACC_BITS-1:0]                read_word,
    output wire                               done,
    output wire                               misuse
);
    localparam DIGIT_WIDTH   = (ARITHMETIC == 0) ? A_BITS + 1 : (ARITHMETIC == 1) ? DIGIT_BITS + 1 : 2;
    localparam POSITION_BITS = $clog2(A_BITS + DIGIT_BITS + 1);
    localparam ROW_BITS      = $clog2(ROWS + 1);
    localparam BUNDLE        = 4 + LANES * (DIGIT_WIDTH + POSITION_BITS);
    localparam TILE          = LANES * (W_BITS + 1);

    wire [31:0] folds = row_folds * col_folds;

    // --- fold sequencer -------------------------------------------------------------------------------------------
    reg  [ROW_BITS-1:0] load_row;        // rows of the current load that have entered column 0
    wire [15:0]         load_row_fold;
    wire [15:0]         load_col_fold;
    wire [31:0]         loads_done;      // also the index of the current load
    wire [31:0]         streams_done;    // at the last column
    wire [ROWS*32-1:0]  row_folds_ended; // at column 0
    wire [31:0]         released = (FOLD_OVERLAP == 2 || loads_done <= streams_done) ? loads_done : streams_done + 1;

    // The shadow of row j is overwritten by the j-th shift, so in `full` that shift waits until row j has begun the
    // fold before, i.e. has ended the one before that.
    wire row_free = row_folds_ended[load_row*32 +: 32] + 1 >= loads_done;
    wire may_load = (FOLD_OVERLAP == 0) ? loads_done == streams_done
                  : (FOLD_OVERLAP == 1) ? released == loads_done
                  : row_free;
    wire loading  = run && loads_done < folds && (load_row != 0 || may_load) && (FOLD_OVERLAP != 2 || row_free);

    fold_counter loads (
        .clk(clk), .rst(rst), .next(loading && load_row == ROWS - 1), .row_folds(row_folds),
        .row_fold(load_row_fold), .col_fold(load_col_fold), .fold(loads_done)
    );
    always @(posedge clk) begin
        if (rst) load_row <= 0;
        else if (loading) load_row <= (load_row == ROWS - 1) ? 0 : load_row + 1'b1;
    end
    assign done = run && streams_done == folds;

    // --- load: one token per shifted row, moving east -----------------------------------------------------------------
    wire                shift_valid [0:COLS];
    wire [ROW_BITS-1:0] shift_row   [0:COLS];
    wire [15:0]         shift_kfold [0:COLS];
    wire [15:0]         shift_nfold [0:COLS];
    assign shift_valid[0] = loading;
    assign shift_row[0]   = load_row;
    assign shift_kfold[0] = load_row_fold;
    assign shift_nfold[0] = load_col_fold;

    // --- the grid; index of a PE: row · COLS + column -----------------------------------------------------------------
    // Arrays of nets, not wide vectors: an event-driven simulator wakes every reader of a vector when a bit changes.
    wire [BUNDLE-1:0]   bundle    [0:ROWS*(COLS+1)-1];
    wire [TILE-1:0]     shadow    [0:(ROWS+1)*COLS-1];
    wire [ACC_BITS-1:0] sum_below [0:ROWS*COLS-1];
    wire [ACC_BITS-1:0] sum_above [0:ROWS*COLS-1];
    wire                fire      [0:ROWS*COLS-1];
    wire                sum_valid [0:ROWS*COLS-1];
    wire                sum_ready [0:ROWS*COLS-1];
    wire                misused   [0:ROWS*COLS];
    wire [COLS*ACC_BITS-1:0] read_words;
    wire [COLS*32-1:0]       col_folds_ended;

    genvar r, c, l;
    generate
        for (c = 0; c < COLS; c = c + 1) begin : column
            reg                next_valid;
            reg [ROW_BITS-1:0] next_row;
            reg [15:0]         next_kfold;
            reg [15:0]         next_nfold;
            always @(posedge clk) begin
                next_valid <= shift_valid[c] && !rst;
                next_row   <= shift_row[c];
                next_kfold <= shift_kfold[c];
                next_nfold <= shift_nfold[c];
            end
            assign shift_valid[c+1] = next_valid;
            assign shift_row[c+1]   = next_row;
            assign shift_kfold[c+1] = next_kfold;
            assign shift_nfold[c+1] = next_nfold;

            // The tile enters from the top, its last row first.
            wire [31:0] n = shift_nfold[c] * COLS + c;
            for (l = 0; l < LANES; l = l + 1) begin : lane
                wire [31:0] k = (shift_kfold[c] * ROWS + (ROWS - 1 - shift_row[c])) * LANES + l;
                assign w_addresses[(c*LANES+l)*32 +: 32] = k * size_n + n;
                assign w_enable[c*LANES+l] = k < size_k && n < size_n;
            end
            assign shadow[c] = w_operands[c*TILE +: TILE];

            ws_collector #(.ACC_BITS(ACC_BITS), .WORDS(OUT_WORDS)) collector (
                .clk(clk), .rst(rst), .fire(fire[(ROWS-1)*COLS+c]), .sum(sum_below[(ROWS-1)*COLS+c]),
                .steps(size_m), .row_folds(row_folds), .read_address(read_address),
                .read_word(read_words[c*ACC_BITS +: ACC_BITS]), .folds_ended(col_folds_ended[c*32 +: 32])
            );
        end

        for (r = 0; r < ROWS; r = r + 1) begin : row
            wire [15:0] row_fold;
            wire [15:0] step;
            wire row_copy, row_first, row_active, row_fire;
            wire [LANES*DIGIT_WIDTH-1:0]   row_digits;
            wire [LANES*POSITION_BITS-1:0] row_positions;

            for (l = 0; l < LANES; l = l + 1) begin : lane
                wire [31:0] k = (row_fold * ROWS + r) * LANES + l;
                assign a_addresses[(r*LANES+l)*32 +: 32] = step * size_k + k;
                assign a_enable[r*LANES+l] = k < size_k;
            end

            ws_row #(
                .ARITHMETIC(ARITHMETIC), .LANES(LANES), .A_BITS(A_BITS), .DIGIT_BITS(DIGIT_BITS), .ENCODING(ENCODING),
                .DIGIT_WIDTH(DIGIT_WIDTH), .POSITION_BITS(POSITION_BITS)
            ) control (
                .clk(clk), .rst(rst), .released(released), .steps(size_m), .row_folds(row_folds),
                .operands(a_operands[r*LANES*(A_BITS+1) +: LANES*(A_BITS+1)]),
                .sum_valid(sum_valid[r*COLS]), .room(sum_ready[r*COLS]),
                .row_fold(row_fold), .fold(row_folds_ended[r*32 +: 32]), .step(step),
                .copy(row_copy), .first(row_first), .active(row_active), .fire(row_fire),
                .digits(row_digits), .positions(row_positions)
            );
            assign bundle[r*(COLS+1)] = {row_copy, row_first, row_active, row_fire, row_digits, row_positions};

            for (c = 0; c < COLS; c = c + 1) begin : pe
                wire copy, first, active;
                wire [LANES*DIGIT_WIDTH-1:0]   digits;
                wire [LANES*POSITION_BITS-1:0] positions;
                assign {copy, first, active, fire[r*COLS+c], digits, positions} = bundle[r*(COLS+1)+c];

                reg [BUNDLE-1:0] east;
                always @(posedge clk) east <= rst ? {BUNDLE{1'b0}} : bundle[r*(COLS+1)+c];
                assign bundle[r*(COLS+1)+c+1] = east;

                ws_pe #(
                    .LANES(LANES), .W_BITS(W_BITS), .DIGIT_WIDTH(DIGIT_WIDTH), .POSITION_BITS(POSITION_BITS),
                    .ACC_BITS(ACC_BITS)
                ) unit (
                    .clk(clk), .copy(copy), .first(first), .active(active), .digits(digits), .positions(positions),
                    .shift(shift_valid[c] && shift_row[c] >= r),
                    .shadow_above(shadow[r*COLS+c]), .shadow(shadow[(r+1)*COLS+c]),
                    .sum_above(sum_above[r*COLS+c]), .sum_below(sum_below[r*COLS+c])
                );

                if (r == 0) begin : top
                    assign sum_above[c] = {ACC_BITS{1'b0}};
                    assign sum_valid[c] = 1'b1;
                end
                if (r == ROWS - 1) begin : bottom
                    assign sum_ready[r*COLS+c]  = 1'b1;
                    assign misused[r*COLS+c+1]  = misused[r*COLS+c];
                end else begin : below
                    wire misuse_here;
                    assign misused[r*COLS+c+1] = misused[r*COLS+c] || misuse_here;
                    fifo #(.WIDTH(ACC_BITS), .DEPTH(FIFO_DEPTH)) sums (
                        .clk(clk), .rst(rst), .push(fire[r*COLS+c]), .entry(sum_below[r*COLS+c]),
                        .pop(fire[(r+1)*COLS+c]), .head(sum_above[(r+1)*COLS+c]),
                        .valid(sum_valid[(r+1)*COLS+c]), .ready(sum_ready[r*COLS+c]), .misuse(misuse_here)
                    );
                end
            end
        end
    endgenerate

    assign streams_done = col_folds_ended[(COLS-1)*32 +: 32];
    assign misused[0]   = 1'b0;
    assign misuse       = misused[ROWS*COLS];
    assign read_word    = read_words[read_col*ACC_BITS +: ACC_BITS];
endmodule
