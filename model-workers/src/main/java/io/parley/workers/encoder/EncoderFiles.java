package io.parley.workers.encoder;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** The files that make an encoder, by their names in a sentence-transformers folder. */
public final class EncoderFiles {
  /** The weights; the model is named by this file. */
  public static final String WEIGHTS = "model.safetensors";

  static final String CONFIG = "config.json";
  static final String TOKENIZER = "tokenizer.json";
  static final String MODULES = "modules.json";
  static final String POOLING = "1_Pooling/config.json";
  static final String SENTENCES = "sentence_bert_config.json";

  /** What lies beside the weights. */
  public static final List<String> BESIDE = List.of(CONFIG, TOKENIZER, MODULES, POOLING, SENTENCES);

  private static final int BUFFER_BYTES = 1 << 17;

  private EncoderFiles() {}

  /** Whether a file's name is that of an encoder's weights. */
  public static boolean isWeights(String fileName) {
    return fileName.endsWith(".safetensors");
  }

  /** The tokenizer of the encoder whose weights these are. */
  public static Path tokenizer(Path weights) {
    return weights.resolveSibling(TOKENIZER);
  }

  /**
   * One checksum of all files: that of what {@code sha256sum model.safetensors config.json
   * tokenizer.json modules.json 1_Pooling/config.json sentence_bert_config.json} prints in the
   * folder, lower-case hexadecimal.
   */
  public static String sha256(Path weights) throws IOException {
    StringBuilder listing = new StringBuilder();
    append(listing, weights, WEIGHTS);
    for (String name : BESIDE) {
      append(listing, weights.resolveSibling(name), name);
    }
    byte[] text = listing.toString().getBytes(StandardCharsets.UTF_8);
    return HexFormat.of().formatHex(digest().digest(text));
  }

  private static void append(StringBuilder listing, Path file, String name) throws IOException {
    MessageDigest digest = digest();
    byte[] buffer = new byte[BUFFER_BYTES];
    try (InputStream in = Files.newInputStream(file)) {
      for (int count; (count = in.read(buffer)) >= 0; ) {
        digest.update(buffer, 0, count);
      }
    }
    listing.append(HexFormat.of().formatHex(digest.digest())).append("  ").append(name);
    listing.append('\n');
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }
}
