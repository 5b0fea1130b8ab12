// The output-stationary array and its fold sequencer. The row's control and its activation digits travel east one
// column per cycle; weights enter at the top, c cycles later in column c, and pass from row to row through FIFOs.
//   FOLD_OVERLAP 0 none: a fold streams when the drain before it has ended, at the last column.
//                1 preload: when the streaming before it has ended, at the last column; the drain runs beside it.
//                2 full: its first wave follows the last wave of the fold before; a row's last step of a fold lasts
//                  until its result registers are free, which puts folds at least ROWS cycles apart.
module os_array #(
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
    wire [15:0] steps = (size_k + LANES - 1) / LANES;

    // --- fold sequencer -------------------------------------------------------------------------------------------
    wire [ROWS*32-1:0] row_folds_ended;  // at column 0
    wire [ROWS-1:0]    row_past;         // the row has ended, or ends in this cycle, fold number `ended`
    wire [15:0]        top_step;
    wire [31:0]        top_fold = row_folds_ended[31:0];
    reg  [31:0]        ended;            // folds that all rows have ended at column 0
    reg  [COLS-1:0]    end_delay;        // the end of a fold on its way to the last column
    reg  [31:0]        streams_done;     // at the last column
    wire [31:0]        drains_done;      // at the last column
    wire [COLS*32-1:0] col_folds_drained;
    wire               fold_ends = &row_past;
    wire [COLS:0]      end_wave  = {end_delay, fold_ends};

    wire may_stream = (FOLD_OVERLAP == 0) ? drains_done >= top_fold
                    : (FOLD_OVERLAP == 1) ? streams_done >= top_fold
                    : 1'b1;
    wire top_valid  = run && top_fold < folds && (top_step != 0 || may_stream);

    always @(posedge clk) begin
        if (rst) begin
            ended        <= 0;
            end_delay    <= 0;
            streams_done <= 0;
        end else begin
            if (fold_ends) ended <= ended + 1;
            end_delay <= end_wave[COLS-1:0];
            if (end_wave[COLS-1]) streams_done <= streams_done + 1;
        end
    end

    // --- drain: ROWS tokens per fold, moving east --------------------------------------------------------------------
    reg  [31:0]         drains;     // begun and ended at column 0
    reg  [ROW_BITS-1:0] drain_row;  // results of the current drain that have left column 0
    wire                draining = drains < ended;
    wire                drain_valid [0:COLS];
    wire [ROW_BITS-1:0] drain_count [0:COLS];
    assign drain_valid[0] = draining;
    assign drain_count[0] = drain_row;
    always @(posedge clk) begin
        if (rst) begin
            drains    <= 0;
            drain_row <= 0;
        end else if (draining) begin
            drain_row <= (drain_row == ROWS - 1) ? 0 : drain_row + 1'b1;
            if (drain_row == ROWS - 1) drains <= drains + 1;
        end
    end
    assign done = run && drains_done == folds;

    // --- row 0's weight fetch, moving east with its bundle -----------------------------------------------------------
    wire [15:0] top_col_fold;
    wire [15:0] fetch_step [0:COLS];
    wire [15:0] fetch_fold [0:COLS];
    assign fetch_step[0] = top_step;
    assign fetch_fold[0] = top_col_fold;

    // --- the grid; index of a PE: row · COLS + column -----------------------------------------------------------------
    // Arrays of nets, not wide vectors: an event-driven simulator wakes every reader of a vector when a bit changes.
    wire [BUNDLE-1:0]    bundle        [0:ROWS*(COLS+1)-1];
    wire [TILE-1:0]      weights_above [0:ROWS*COLS-1];
    wire [ACC_BITS-1:0]  result        [0:(ROWS+1)*COLS-1];
    wire                 start         [0:ROWS*COLS-1];
    wire                 weights_valid [0:ROWS*COLS-1];
    wire                 weights_ready [0:ROWS*COLS-1];
    wire                 misused       [0:ROWS*COLS];
    wire [COLS*ACC_BITS-1:0] read_words;

    genvar r, c, l;
    generate
        for (c = 0; c < COLS; c = c + 1) begin : column
            reg                next_valid;
            reg [ROW_BITS-1:0] next_count;
            reg [15:0]         next_step;
            reg [15:0]         next_fold;
            always @(posedge clk) begin
                next_valid <= drain_valid[c] && !rst;
                next_count <= drain_count[c];
                next_step  <= fetch_step[c];
                next_fold  <= fetch_fold[c];
            end
            assign drain_valid[c+1] = next_valid;
            assign drain_count[c+1] = next_count;
            assign fetch_step[c+1]  = next_step;
            assign fetch_fold[c+1]  = next_fold;

            wire [31:0] n = fetch_fold[c] * COLS + c;
            for (l = 0; l < LANES; l = l + 1) begin : lane
                wire [31:0] k = fetch_step[c] * LANES + l;
                assign w_addresses[(c*LANES+l)*32 +: 32] = k * size_n + n;
                assign w_enable[c*LANES+l] = k < size_k && n < size_n;
            end
            assign weights_above[c] = w_operands[c*TILE +: TILE];
            assign weights_valid[c] = top_valid;
            assign result[c]        = {ACC_BITS{1'b0}};

            os_collector #(.ROWS(ROWS), .ACC_BITS(ACC_BITS), .WORDS(OUT_WORDS)) collector (
                .clk(clk), .rst(rst), .take(drain_valid[c]), .result(result[ROWS*COLS+c]),
                .size_m(size_m), .row_folds(row_folds), .read_address(read_address),
                .read_word(read_words[c*ACC_BITS +: ACC_BITS]), .folds_drained(col_folds_drained[c*32 +: 32])
            );
        end

        for (r = 0; r < ROWS; r = r + 1) begin : row
            wire [15:0] row_fold;
            wire [15:0] col_fold;
            wire [15:0] step;
            wire row_start, row_first, row_active, row_ends;
            wire [LANES*DIGIT_WIDTH-1:0]   row_digits;
            wire [LANES*POSITION_BITS-1:0] row_positions;

            wire [31:0] m = row_fold * ROWS + r;
            for (l = 0; l < LANES; l = l + 1) begin : lane
                wire [31:0] k = step * LANES + l;
                assign a_addresses[(r*LANES+l)*32 +: 32] = m * size_k + k;
                assign a_enable[r*LANES+l] = m < size_m && k < size_k;
            end

            // The result of the fold before has left this row, or leaves it in this cycle.
            wire [31:0] fold = row_folds_ended[r*32 +: 32];
            wire result_free = drains >= fold || (drains + 1 == fold && draining && drain_row >= r);

            os_row #(
                .ARITHMETIC(ARITHMETIC), .LANES(LANES), .A_BITS(A_BITS), .DIGIT_BITS(DIGIT_BITS), .ENCODING(ENCODING),
                .DIGIT_WIDTH(DIGIT_WIDTH), .POSITION_BITS(POSITION_BITS)
            ) control (
                .clk(clk), .rst(rst), .steps(steps), .row_folds(row_folds),
                .operands(a_operands[r*LANES*(A_BITS+1) +: LANES*(A_BITS+1)]),
                .operand_valid(weights_valid[r*COLS]), .room(weights_ready[r*COLS]),
                .result_free(result_free),
                .row_fold(row_fold), .col_fold(col_fold), .fold(row_folds_ended[r*32 +: 32]), .step(step),
                .start(row_start), .first(row_first), .active(row_active), .ends(row_ends),
                .digits(row_digits), .positions(row_positions)
            );
            assign row_past[r] = row_folds_ended[r*32 +: 32] > ended || row_ends;
            assign bundle[r*(COLS+1)] = {row_start, row_first, row_active, row_ends, row_digits, row_positions};
            if (r == 0) begin : fetch
                assign top_step     = step;
                assign top_col_fold = col_fold;
            end

            for (c = 0; c < COLS; c = c + 1) begin : pe
                wire first, active, ends;
                wire [LANES*DIGIT_WIDTH-1:0]   digits;
                wire [LANES*POSITION_BITS-1:0] positions;
                assign {start[r*COLS+c], first, active, ends, digits, positions} = bundle[r*(COLS+1)+c];

                reg [BUNDLE-1:0] east;
                always @(posedge clk) east <= rst ? {BUNDLE{1'b0}} : bundle[r*(COLS+1)+c];
                assign bundle[r*(COLS+1)+c+1] = east;

                // In the j-th cycle of a drain the results that have not left sit in rows j and below.
                wire shift = drain_valid[c] && drain_count[c] < r;
                os_pe #(
                    .LANES(LANES), .W_BITS(W_BITS), .DIGIT_WIDTH(DIGIT_WIDTH), .POSITION_BITS(POSITION_BITS),
                    .ACC_BITS(ACC_BITS)
                ) unit (
                    .clk(clk), .start(start[r*COLS+c]), .first(first), .active(active), .ends(ends),
                    .digits(digits), .positions(positions), .weights_above(weights_above[r*COLS+c]), .shift(shift),
                    .result_above(result[r*COLS+c]), .result(result[(r+1)*COLS+c])
                );
                wire misuse_here;
                assign misused[r*COLS+c+1] = misused[r*COLS+c] || misuse_here || (ends && shift);

                if (r == ROWS - 1) begin : bottom
                    assign weights_ready[r*COLS+c]  = 1'b1;
                    assign misuse_here             = 1'b0;
                end else begin : below
                    fifo #(.WIDTH(TILE), .DEPTH(FIFO_DEPTH)) operands (
                        .clk(clk), .rst(rst), .push(start[r*COLS+c]), .entry(weights_above[r*COLS+c]),
                        .pop(start[(r+1)*COLS+c]), .head(weights_above[(r+1)*COLS+c]),
                        .valid(weights_valid[(r+1)*COLS+c]), .ready(weights_ready[r*COLS+c]),
                        .misuse(misuse_here)
                    );
                end
            end
        end
    endgenerate

    assign drains_done = col_folds_drained[(COLS-1)*32 +: 32];
    assign misused[0]  = 1'b0;
    assign misuse      = misused[ROWS*COLS];
    assign read_word   = read_words[read_col*ACC_BITS +: ACC_BITS];
endmodule
