package io.parley.workers.model;

import io.parley.workers.gguf.GgufWriter;
import java.util.List;

/** A sound model file of a few bytes, with a byte-level vocabulary. */
public final class TinyModel {
  private TinyModel() {}

  public static GgufWriter of(String architecture) {
    List<String> tokens =
        List.of(
            "<|endoftext|>",
            "<|im_start|>",
            "<|im_end|>",
            "a",
            "b",
            "c",
            "Ġ",
            "ab",
            "Ġab",
            "Ċ",
            "<tool>",
            "d");
    return new GgufWriter()
        .string("general.architecture", architecture)
        .string("general.license", "apache-2.0")
        .integer("llama.context_length", 64)
        .integer("llama.block_count", 1)
        .integer("llama.embedding_length", 8)
        .integer("llama.feed_forward_length", 16)
        .integer("llama.attention.head_count", 2)
        .integer("llama.attention.head_count_kv", 1)
        .number("llama.attention.layer_norm_rms_epsilon", 1e-5f)
        .string("tokenizer.ggml.model", "gpt2")
        .string("tokenizer.ggml.pre", "smollm")
        .strings("tokenizer.ggml.tokens", tokens)
        .integers("tokenizer.ggml.token_type", 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 4, 1)
        .strings("tokenizer.ggml.merges", List.of("a b", "Ġ ab"))
        .integer("tokenizer.ggml.bos_token_id", 1)
        .integer("tokenizer.ggml.eos_token_id", 2)
        .bool("tokenizer.ggml.add_bos_token", false)
        .string(
            "tokenizer.chat_template",
            "{% for m in messages %}{{'<|im_start|>' + m['content'] + '<|im_end|>'}}{% endfor %}")
        .tensor("token_embd.weight", new float[8 * tokens.size()], 8, tokens.size());
  }
}
