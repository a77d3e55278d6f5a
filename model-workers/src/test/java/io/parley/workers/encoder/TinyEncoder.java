package io.parley.workers.encoder;

import io.parley.workers.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** The files of an encoder of one layer, which can be changed before they are written. */
public final class TinyEncoder {
  private static final int HIDDEN = 4;
  private static final int WORDS = 6;

  private final Map<String, String> files = new LinkedHashMap<>();
  private final SafetensorsWriter weights = new SafetensorsWriter();

  public TinyEncoder() {
    files.put(
        "config.json",
        """
        {"model_type": "bert", "hidden_act": "gelu", "hidden_size": 4, "num_hidden_layers": 1,
         "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 16,
         "type_vocab_size": 2, "vocab_size": 6, "layer_norm_eps": 1e-12}
        """);
    files.put("sentence_bert_config.json", "{\"max_seq_length\": 8}");
    files.put(
        "modules.json",
        """
        [{"type": "sentence_transformers.models.Transformer", "path": ""},
         {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
         {"type": "sentence_transformers.models.Normalize", "path": "2_Normalize"}]
        """);
    files.put(
        "1_Pooling/config.json",
        "{\"pooling_mode_cls_token\": false, \"pooling_mode_mean_tokens\": true}");
    files.put(
        "tokenizer.json",
        """
        {"version": "1.0", "truncation": {"max_length": 2}, "added_tokens": [],
         "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
          "max_input_chars_per_word": 100,
          "vocab": {"[UNK]": 0, "a": 1, "b": 2, "##c": 3, "d": 4, "e": 5}}}
        """);
    weights.tensor("embeddings.position_ids", "I64", new byte[16 * 8], 1, 16);
    matrix("embeddings.word_embeddings", WORDS, HIDDEN);
    matrix("embeddings.position_embeddings", 16, HIDDEN);
    matrix("embeddings.token_type_embeddings", 2, HIDDEN);
    norm("embeddings.LayerNorm");
    for (String part : new String[] {"self.query", "self.key", "self.value", "output.dense"}) {
      product("attention." + part, HIDDEN, HIDDEN);
    }
    norm("encoder.layer.0.attention.output.LayerNorm");
    product("intermediate.dense", 8, HIDDEN);
    product("output.dense", HIDDEN, 8);
    norm("encoder.layer.0.output.LayerNorm");
  }

  private void matrix(String name, int rows, int columns) {
    weights.tensor(name + ".weight", new float[rows * columns], rows, columns);
  }

  private void norm(String name) {
    weights.tensor(name + ".weight", new float[HIDDEN], HIDDEN);
    weights.tensor(name + ".bias", new float[HIDDEN], HIDDEN);
  }

  private void product(String part, int rows, int columns) {
    matrix("encoder.layer.0." + part, rows, columns);
    weights.tensor("encoder.layer.0." + part + ".bias", new float[rows], rows);
  }

  /** Writes something else in a file. */
  public TinyEncoder replacing(String file, String old, String by) {
    String text = files.get(file);
    if (!text.contains(old)) {
      throw new IllegalArgumentException(file + " has no " + old);
    }
    files.put(file, text.replace(old, by));
    return this;
  }

  public TinyEncoder without(String file) {
    files.remove(file);
    return this;
  }

  /** Adds a tensor that nobody knows. */
  public TinyEncoder withTensor(String name) {
    weights.tensor(name, new float[1], 1);
    return this;
  }

  /** Writes everything; gives the weights' file. */
  public Path write(Path folder) throws IOException {
    for (Map.Entry<String, String> file : files.entrySet()) {
      Path target = folder.resolve(file.getKey());
      Files.createDirectories(target.getParent());
      Files.writeString(target, file.getValue());
    }
    return weights.write(folder.resolve(EncoderFiles.WEIGHTS));
  }
}
