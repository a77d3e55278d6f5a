// Makes the golden reference data of a model: greedy answers, tokens of difficult texts, perplexity.
// It only asks llama.cpp (llama.h); every probability is computed here, in double precision, over the whole vocabulary.
//
//   golden greedy     MODEL.gguf prompts.json     > greedy.json
//   golden tokenizer  MODEL.gguf texts.json       > tokenizer.json
//   golden perplexity MODEL.gguf perplexity.txt [OTHER.gguf...] > perplexity.json
//   golden continue   MODEL.gguf texts.json       > greedy.json (begun texts, of which the model knows no chat)
//   golden logits     MODEL.gguf COUNT            > MODEL.json (a model without a vocabulary, COUNT tokens made up)
//   golden compare    MODEL.gguf greedy.json      prints how another file of the same model agrees, fed the recorded tokens

#include "llama.h"
#include "nlohmann/json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using json = nlohmann::ordered_json;
using Tokens = std::vector<llama_token>;

static const int ANSWER_TOKENS_MAX = 64;
static const int CONTINUED_TOKENS = 24;
static const int TOP = 5;
static const int WINDOW_TOKENS = 512;
static const int CONTEXT_TOKENS = 1024;
static const int THREADS = 2;

[[noreturn]] static void fail(const std::string & why) {
    std::fprintf(stderr, "golden: %s\n", why.c_str());
    std::exit(1);
}

static std::string read_file(const std::string & path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) fail("cannot read " + path);
    return std::string(std::istreambuf_iterator<char>(in), {});
}

// Everything but ASCII is escaped, so that invisible characters survive editors and diffs.
static std::string line(const json & value) {
    return value.dump(-1, ' ', true);
}

static json decimals(double value, int digits) {
    const double scale = std::pow(10.0, digits);
    return std::round(value * scale) / scale;
}

static llama_model * load(const std::string & path, bool vocab_only) {
    llama_model_params params = llama_model_default_params();
    params.vocab_only = vocab_only;
    llama_model * model = llama_model_load_from_file(path.c_str(), params);
    if (!model) fail("cannot load " + path);
    return model;
}

static Tokens tokenize(const llama_model * model, const std::string & text, bool parse_special) {
    const llama_vocab * vocab = llama_model_get_vocab(model);
    Tokens ids(text.size() + 8);
    const int n = llama_tokenize(vocab, text.data(), (int) text.size(), ids.data(), (int) ids.size(), /* add_special */ false, parse_special);
    if (n < 0) fail("a text has more tokens than bytes");
    ids.resize(n);
    return ids;
}

static std::string detokenize(const llama_model * model, const Tokens & ids, bool with_special) {
    const llama_vocab * vocab = llama_model_get_vocab(model);
    std::string text(ids.size() * 64 + 64, '\0');
    const int n = llama_detokenize(vocab, ids.data(), (int) ids.size(), &text[0], (int) text.size(), /* remove_special */ false, with_special);
    if (n < 0) fail("detokenize needs more room");
    text.resize(n);
    return text;
}

// One sequence in a context of its own. The cache holds f16 keys and values, attention is the plain one (no flash attention).
class Sequence {
public:
    explicit Sequence(llama_model * model, ggml_type cache = GGML_TYPE_F16)
        : vocab_size_(llama_vocab_n_tokens(llama_model_get_vocab(model))) {
        llama_context_params params = llama_context_default_params();
        params.n_ctx = CONTEXT_TOKENS;
        params.n_batch = CONTEXT_TOKENS;
        params.n_ubatch = WINDOW_TOKENS;
        params.n_threads = THREADS;
        params.n_threads_batch = THREADS;
        params.flash_attn = false;
        params.type_k = cache;
        params.type_v = cache;
        context_ = llama_init_from_model(model, params);
        if (!context_) fail("no context");
    }
    ~Sequence() { llama_free(context_); }
    Sequence(const Sequence &) = delete;
    Sequence & operator=(const Sequence &) = delete;

    int vocab_size() const { return vocab_size_; }

    void feed(const Tokens & ids, bool all_logits) {
        if (position_ + (int) ids.size() > CONTEXT_TOKENS) fail("a sequence is longer than the context");
        llama_batch batch = llama_batch_init((int) ids.size(), 0, 1);
        for (size_t i = 0; i < ids.size(); i++) {
            batch.token[i] = ids[i];
            batch.pos[i] = position_++;
            batch.n_seq_id[i] = 1;
            batch.seq_id[i][0] = 0;
            batch.logits[i] = all_logits || i + 1 == ids.size();
        }
        batch.n_tokens = (int) ids.size();
        if (llama_decode(context_, batch) != 0) fail("llama_decode");
        llama_batch_free(batch);
    }

    // The logits after the i-th token of the last feed; -1: after its last token.
    const float * logits(int i) { return llama_get_logits_ith(context_, i); }

private:
    int vocab_size_;
    int position_ = 0;
    llama_context * context_;
};

static double log_of_sum(const float * logits, int n) {
    const double max = *std::max_element(logits, logits + n);
    double sum = 0;
    for (int i = 0; i < n; i++) sum += std::exp((double) logits[i] - max);
    return max + std::log(sum);
}

// The ids of the largest logits, largest first; of equal ones the lower id first.
static std::vector<int> top(const float * logits, int n, int k) {
    std::vector<int> ids(n);
    for (int i = 0; i < n; i++) ids[i] = i;
    std::partial_sort(ids.begin(), ids.begin() + k, ids.end(), [&](int a, int b) {
        return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
    });
    ids.resize(k);
    return ids;
}

// The model's own template (tokenizer.chat_template), written out.
static const char * DEFAULT_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";

static std::string render(const json & messages) {
    std::string text;
    if (messages.at(0).at("role") != "system") {
        text += std::string("<|im_start|>system\n") + DEFAULT_SYSTEM + "<|im_end|>\n";
    }
    for (const json & message : messages) {
        text += "<|im_start|>" + message.at("role").get<std::string>() + "\n" + message.at("content").get<std::string>() + "<|im_end|>\n";
    }
    return text + "<|im_start|>assistant\n";
}

static void greedy(const std::string & model_path, const std::string & prompts_path) {
    llama_model * model = load(model_path, false);
    const llama_vocab * vocab = llama_model_get_vocab(model);
    const llama_token eos = llama_vocab_eos(vocab);
    const json prompts = json::parse(read_file(prompts_path));

    std::printf("{\n\"bos_id\":%d,\n\"eos_id\":%d,\n\"answer_tokens_max\":%d,\n\"prompts\":[\n", llama_vocab_bos(vocab), eos, ANSWER_TOKENS_MAX);
    for (size_t p = 0; p < prompts.size(); p++) {
        const json & prompt = prompts[p];
        const std::string text = render(prompt.at("messages"));
        const Tokens prompt_ids = tokenize(model, text, true);
        Sequence sequence(model);
        Tokens answer;
        json steps = json::array();
        sequence.feed(prompt_ids, false);
        while (true) {
            const float * logits = sequence.logits(-1);
            const double log_sum = log_of_sum(logits, sequence.vocab_size());
            const std::vector<int> best = top(logits, sequence.vocab_size(), TOP);
            json tops = json::array();
            for (int id : best) tops.push_back({id, decimals((double) logits[id] - log_sum, 6)});
            steps.push_back({{"id", best[0]}, {"gap", decimals((double) logits[best[0]] - (double) logits[best[1]], 6)}, {"top", tops}});
            answer.push_back(best[0]);
            if (best[0] == eos || (int) answer.size() == ANSWER_TOKENS_MAX) break;
            sequence.feed({best[0]}, false);
        }
        std::printf("{\"name\":%s,\n\"messages\":[\n", line(prompt.at("name")).c_str());
        for (size_t m = 0; m < prompt.at("messages").size(); m++) {
            std::printf("%s%s\n", line(prompt.at("messages")[m]).c_str(), m + 1 < prompt.at("messages").size() ? "," : "],");
        }
        std::printf("\"prompt\":%s,\n", line(text).c_str());
        std::printf("\"prompt_ids\":%s,\n", line(prompt_ids).c_str());
        std::printf("\"answer\":%s,\n", json(detokenize(model, answer, true)).dump(-1, ' ', true, json::error_handler_t::replace).c_str());
        std::printf("\"answer_ids\":%s,\n", line(answer).c_str());
        std::printf("\"stopped_by\":\"%s\",\n", answer.back() == eos ? "eos" : "length");
        std::printf("\"steps\":[\n");
        for (size_t s = 0; s < steps.size(); s++) {
            std::printf("%s%s\n", line(steps[s]).c_str(), s + 1 < steps.size() ? "," : "]");
        }
        std::printf("}%s\n", p + 1 < prompts.size() ? "," : "");
        std::fprintf(stderr, "golden: %s: %zu + %zu tokens\n", prompt.at("name").get<std::string>().c_str(), prompt_ids.size(), answer.size());
    }
    std::printf("]}\n");
    llama_model_free(model);
}

// The begin token, a text, and what comes next: the five best after each of some tokens.
static void continue_texts(const std::string & model_path, const std::string & texts_path) {
    llama_model * model = load(model_path, false);
    const json texts = json::parse(read_file(texts_path));
    std::printf("[\n");
    for (size_t t = 0; t < texts.size(); t++) {
        Tokens ids = tokenize(model, texts[t], false);
        ids.insert(ids.begin(), llama_vocab_bos(llama_model_get_vocab(model)));
        Sequence sequence(model);
        sequence.feed(ids, false);
        Tokens answer;
        json steps = json::array();
        while ((int) answer.size() < CONTINUED_TOKENS) {
            const float * logits = sequence.logits(-1);
            const double log_sum = log_of_sum(logits, sequence.vocab_size());
            const std::vector<int> best = top(logits, sequence.vocab_size(), TOP);
            json tops = json::array();
            for (int id : best) tops.push_back({id, decimals((double) logits[id] - log_sum, 6)});
            steps.push_back({{"id", best[0]}, {"gap", decimals((double) logits[best[0]] - (double) logits[best[1]], 6)}, {"top", tops}});
            answer.push_back(best[0]);
            sequence.feed({best[0]}, false);
        }
        const std::string text = json(detokenize(model, answer, true)).dump(-1, ' ', true, json::error_handler_t::replace);
        std::printf("{\"prompt_ids\":%s,\n\"answer\":%s,\n\"steps\":[\n", line(ids).c_str(), text.c_str());
        for (size_t s = 0; s < steps.size(); s++) {
            std::printf("%s%s\n", line(steps[s]).c_str(), s + 1 < steps.size() ? "," : "]}");
        }
        if (t + 1 < texts.size()) std::printf(",\n");
    }
    std::printf("]\n");
    llama_model_free(model);
}

static void tokenizer(const std::string & model_path, const std::string & texts_path) {
    llama_model * model = load(model_path, true);
    const json texts = json::parse(read_file(texts_path));
    std::printf("[\n");
    for (size_t t = 0; t < texts.size(); t++) {
        const std::string text = texts[t];
        const json entry = {{"text", text}, {"ids", tokenize(model, text, false)}, {"ids_special", tokenize(model, text, true)}};
        std::printf("%s%s\n", line(entry).c_str(), t + 1 < texts.size() ? "," : "");
    }
    std::printf("]\n");
    llama_model_free(model);
}

// With 32-bit keys and values, so that a model of 32-bit weights is not rounded anywhere.
static void logits(const std::string & model_path, int count) {
    llama_model * model = load(model_path, false);
    Sequence sequence(model, GGML_TYPE_F32);
    Tokens ids;
    for (int i = 0; i < count; i++) ids.push_back((31 * i * i + 7 * i + 3) % sequence.vocab_size());
    sequence.feed(ids, true);
    std::printf("{\n\"tokens\":%s,\n\"rows\":[\n", line(ids).c_str());
    for (int i = 4; i < count; i += 5) {
        const float * row = sequence.logits(i);
        json values = json::array();
        for (int id = 0; id < sequence.vocab_size(); id++) values.push_back(decimals(row[id], 5));
        std::printf("{\"at\":%d,\"logits\":%s}%s\n", i, line(values).c_str(), i + 5 < count ? "," : "");
    }
    std::printf("]}\n");
    llama_model_free(model);
}

// The negative log-likelihood of each token of a window but its first, from an empty context.
static std::vector<double> score(llama_model * model, const Tokens & window) {
    Sequence sequence(model);
    sequence.feed(window, true);
    std::vector<double> nll;
    for (size_t i = 0; i + 1 < window.size(); i++) {
        const float * logits = sequence.logits((int) i);
        nll.push_back(log_of_sum(logits, sequence.vocab_size()) - (double) logits[window[i + 1]]);
    }
    return nll;
}

struct Scored {
    std::vector<std::vector<double>> nll;
    double total = 0;
    size_t count = 0;
    double perplexity() const { return std::exp(total / (double) count); }
};

static Scored score_all(const std::string & model_path, const std::vector<Tokens> & windows) {
    llama_model * model = load(model_path, false);
    Scored scored;
    for (const Tokens & window : windows) {
        scored.nll.push_back(score(model, window));
        for (double value : scored.nll.back()) scored.total += value;
        scored.count += scored.nll.back().size();
    }
    llama_model_free(model);
    return scored;
}

static void perplexity(const std::string & model_path, const std::string & text_path, const std::vector<std::string> & others) {
    const std::string text = read_file(text_path);
    llama_model * model = load(model_path, true);
    const Tokens ids = tokenize(model, text, false);
    llama_model_free(model);
    std::vector<Tokens> windows;
    for (size_t start = 0; start < ids.size(); start += WINDOW_TOKENS) {
        windows.emplace_back(ids.begin() + start, ids.begin() + std::min(ids.size(), start + WINDOW_TOKENS));
    }
    const Scored scored = score_all(model_path, windows);

    std::printf("{\n\"window_tokens\":%d,\n\"tokens\":%zu,\n\"scored_tokens\":%zu,\n", WINDOW_TOKENS, ids.size(), scored.count);
    std::printf("\"nll_total\":%.6f,\n\"perplexity\":%.6f,\n", scored.total, scored.perplexity());
    for (const std::string & other : others) {
        const std::string name = other.substr(other.find_last_of('/') + 1);
        std::printf("%s:%.6f,\n", line("perplexity_of_" + name).c_str(), score_all(other, windows).perplexity());
    }
    std::printf("\"text\":%s,\n\"windows\":[\n", line(text).c_str());
    for (size_t w = 0; w < windows.size(); w++) {
        double total = 0;
        json rounded = json::array();
        for (double value : scored.nll[w]) {
            total += value;
            rounded.push_back(decimals(value, 4));
        }
        std::printf("{\"nll\":%.6f,\n\"ids\":%s,\n\"token_nll\":%s}%s\n", total, line(windows[w]).c_str(), line(rounded).c_str(), w + 1 < windows.size() ? "," : "");
    }
    std::printf("]}\n");
}

// Feeds the recorded prompt at once and the recorded answer token by token, and says how far this file's numbers are from the recorded ones.
static void compare(const std::string & model_path, const std::string & golden_path) {
    llama_model * model = load(model_path, false);
    const json golden = json::parse(read_file(golden_path));
    int positions = 0, same = 0, values = 0;
    double sum = 0, worst = 0, widest_gap_lost = 0, best_sum = 0, best_worst = 0;
    for (const json & prompt : golden.at("prompts")) {
        Sequence sequence(model);
        sequence.feed(prompt.at("prompt_ids").get<Tokens>(), false);
        for (const json & step : prompt.at("steps")) {
            const float * logits = sequence.logits(-1);
            const double log_sum = log_of_sum(logits, sequence.vocab_size());
            const int best = top(logits, sequence.vocab_size(), 1)[0];
            positions++;
            if (best == step.at("id")) {
                same++;
            } else {
                widest_gap_lost = std::max(widest_gap_lost, step.at("gap").get<double>());
            }
            bool first = true;
            for (const json & entry : step.at("top")) {
                const double difference = std::fabs((double) logits[entry[0].get<int>()] - log_sum - entry[1].get<double>());
                sum += difference;
                worst = std::max(worst, difference);
                values++;
                if (first) {
                    best_sum += difference;
                    best_worst = std::max(best_worst, difference);
                }
                first = false;
            }
            sequence.feed({step.at("id").get<llama_token>()}, false);
        }
    }
    std::printf("argmax %d/%d (widest recorded gap where it differs %.4f); difference of log-probabilities: top-%d mean %.4f, largest %.4f; chosen token mean %.4f, largest %.4f\n",
                same, positions, widest_gap_lost, TOP, sum / values, worst, best_sum / positions, best_worst);
    llama_model_free(model);
}

int main(int argc, char ** argv) {
    if (argc < 4) fail("usage: golden greedy|continue|tokenizer|perplexity|logits|compare MODEL.gguf INPUT [OTHER.gguf...]");
    llama_log_set([](ggml_log_level level, const char * text, void *) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
    }, nullptr);
    llama_backend_init();
    const std::string what = argv[1];
    if (what == "greedy") greedy(argv[2], argv[3]);
    else if (what == "tokenizer") tokenizer(argv[2], argv[3]);
    else if (what == "perplexity") perplexity(argv[2], argv[3], std::vector<std::string>(argv + 4, argv + argc));
    else if (what == "continue") continue_texts(argv[2], argv[3]);
    else if (what == "logits") logits(argv[2], std::atoi(argv[3]));
    else if (what == "compare") compare(argv[2], argv[3]);
    else fail("unknown: " + what);
    llama_backend_free();
}
