package io.parley.workers.model;

import io.parley.workers.gguf.GgufWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A sound model file of a few bytes, with a byte-level vocabulary. */
public final class TinyModel {
  private static final List<String> TOKENS =
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

  private TinyModel() {}

  public static GgufWriter of(String architecture) {
    return with("general.architecture", architecture);
  }

  /** The file with another value of one of its texts; null leaves the key out. */
  public static GgufWriter with(String key, String value) {
    Map<String, String> texts = new LinkedHashMap<>();
    texts.put("general.architecture", "llama");
    texts.put("general.license", "apache-2.0");
    texts.put("tokenizer.ggml.model", "gpt2");
    texts.put("tokenizer.ggml.pre", "smollm");
    texts.put(
        "tokenizer.chat_template",
        "{% for m in messages %}{{'<|im_start|>' + m['content'] + '<|im_end|>'}}{% endfor %}");
    texts.put(key, value);
    GgufWriter writer =
        new GgufWriter()
            .integer("llama.context_length", 64)
            .integer("llama.block_count", 1)
            .integer("llama.embedding_length", 8)
            .integer("llama.feed_forward_length", 16)
            .integer("llama.attention.head_count", 2)
            .integer("llama.attention.head_count_kv", 1)
            .number("llama.attention.layer_norm_rms_epsilon", 1e-5f)
            .strings("tokenizer.ggml.tokens", TOKENS)
            .integers("tokenizer.ggml.token_type", 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 4, 1)
            .strings("tokenizer.ggml.merges", List.of("a b", "Ġ ab"))
            .integer("tokenizer.ggml.bos_token_id", 1)
            .integer("tokenizer.ggml.eos_token_id", 2)
            .bool("tokenizer.ggml.add_bos_token", false);
    texts.forEach(
        (name, text) -> {
          if (text != null) {
            writer.string(name, text);
          }
        });
    matrix(writer, "token_embd.weight", 8, TOKENS.size());
    vector(writer, "output_norm.weight");
    vector(writer, "blk.0.attn_norm.weight");
    matrix(writer, "blk.0.attn_q.weight", 8, 8);
    matrix(writer, "blk.0.attn_k.weight", 8, 4);
    matrix(writer, "blk.0.attn_v.weight", 8, 4);
    matrix(writer, "blk.0.attn_output.weight", 8, 8);
    vector(writer, "blk.0.ffn_norm.weight");
    matrix(writer, "blk.0.ffn_gate.weight", 8, 16);
    matrix(writer, "blk.0.ffn_up.weight", 8, 16);
    matrix(writer, "blk.0.ffn_down.weight", 16, 8);
    return writer;
  }

  private static void matrix(GgufWriter writer, String name, int columns, int rows) {
    writer.tensor(name, new float[columns * rows], columns, rows);
  }

  private static void vector(GgufWriter writer, String name) {
    writer.tensor(name, new float[8], 8);
  }
}
