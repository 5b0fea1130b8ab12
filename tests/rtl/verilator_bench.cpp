// Bench of the Verilog array under Verilator: reads a job, runs it, prints cycles, seconds of the run, outputs.
// A job is text: m n k cols row_folds col_folds, then m·k activation words, then k·n weight words.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>

#include "Vmachine.h"
#include "verilated.h"

static void tick(Vmachine &machine) {
    machine.clk = 1;
    machine.eval();
    machine.clk = 0;
    machine.eval();
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    std::ifstream job(argv[1]);
    long m, n, k, cols, row_folds, col_folds;
    if (!(job >> m >> n >> k >> cols >> row_folds >> col_folds)) return 2;

    Vmachine machine;
    machine.clk = 0;
    machine.run = 0;
    machine.rst = 1;
    machine.size_m = m;
    machine.size_n = n;
    machine.size_k = k;
    machine.row_folds = row_folds;
    machine.col_folds = col_folds;
    machine.eval();  // the first edge is seen only against a first evaluation
    for (int operand = 0; operand < 2; ++operand) {
        machine.a_write = operand == 0;
        machine.w_write = operand == 1;
        const long words = operand == 0 ? m * k : k * n;
        for (long address = 0; address < words; ++address) {
            unsigned word;
            if (!(job >> word)) return 2;
            machine.write_address = address;
            machine.write_word = word;
            tick(machine);
        }
    }
    machine.a_write = machine.w_write = 0;
    machine.rst = 0;
    machine.run = 1;
    machine.eval();
    const auto begin = std::chrono::steady_clock::now();
    while (!machine.done) tick(machine);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;

    std::printf("%u %d %.6f\n", machine.cycles, machine.misused, seconds.count());
    for (long row = 0; row < m; ++row)
        for (long col = 0; col < n; ++col) {
            machine.read_col = col % cols;
            machine.read_address = col / cols * m + row;
            machine.eval();
            std::printf("%d\n", static_cast<int32_t>(machine.read_word));
        }
    return 0;
}
