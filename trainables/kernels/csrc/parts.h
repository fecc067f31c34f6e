// Where a step's time goes, for benchmarks/kernel_times.py: with -DTIMED=1 it is measured, else PART(…) is nothing.

#pragma once

#define PARTS(F)                                                                                                        \
    F(weights) F(noise_in) F(normalise) F(edges) F(competition) F(pooling) F(nodes) F(heads) F(target)                  \
    F(edges_back) F(competition_back) F(pooling_back) F(nodes_back) F(target_back) F(adam) F(other)

#ifdef TIMED
#include <chrono>
#include <vector>

#define NAME_OF(name) name,
enum class Part { PARTS(NAME_OF) COUNT };

// Nanoseconds of every part, of one member after another.
struct Times {
    std::vector<float> of_members;
    double own[static_cast<int>(Part::COUNT)] = {};
    Part part = Part::other;
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();

    void enter(Part next) {
        const auto now = std::chrono::steady_clock::now();
        own[static_cast<int>(part)] += std::chrono::duration<double, std::nano>(now - since).count();
        since = now, part = next;
    }
    void end_member() {
        enter(Part::other);
        for (double& spent : own) of_members.push_back(static_cast<float>(spent)), spent = 0.0;
    }
};
static Times times;

#define PART(name) times.enter(Part::name)
#define END_MEMBER times.end_member()

#define TEXT_OF(name) #name " "
extern "C" const char* part_names() { return PARTS(TEXT_OF); }
extern "C" long part_times(float* out) {  // of all members since the last call, or how many numbers there are
    const long count = times.of_members.size();
    if (out) std::copy(times.of_members.begin(), times.of_members.end(), out), times.of_members.clear();
    return count;
}
#else
#define PART(name)
#define END_MEMBER
#endif
