package io.parley.workers.text;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/**
 * Writes a byte-level BPE vocabulary as the tokenizer.json of the Hugging Face library, without the
 * control tokens: no text gives those.
 */
final class TokenizerJson {
  /** Takes the place of bytes that the vocabulary lacks, so that no merge reaches over them. */
  private static final String MISSING = "\u0000missing\u0000";

  private TokenizerJson() {}

  static byte[] write(BytePairs pairs) {
    Vocabulary vocabulary = pairs.vocabulary();
    JsonNodeFactory json = JsonNodeFactory.instance;
    ObjectNode root = json.objectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    root.putArray("added_tokens");
    ObjectNode tokens = json.objectNode();
    for (int id = 0; id < vocabulary.size(); id++) {
      String text = vocabulary.text(id);
      if (!text.isEmpty() && !vocabulary.special(id)) {
        tokens.put(text, id);
      }
    }
    tokens.put(MISSING, vocabulary.size());
    root.putNull("normalizer");
    root.set("pre_tokenizer", preTokenizer(pairs.preTokenizer()));
    root.putNull("post_processor").putNull("decoder");
    ObjectNode model = root.putObject("model");
    model
        .put("type", "BPE")
        .putNull("dropout")
        .put("unk_token", MISSING)
        .putNull("continuing_subword_prefix")
        .putNull("end_of_word_suffix")
        .put("fuse_unk", false)
        .put("byte_fallback", false)
        .put("ignore_merges", pairs.preTokenizer().ignoreMerges());
    model.set("vocab", tokens);
    model.set("merges", merges(pairs.merges(), tokens));
    try {
      return new ObjectMapper().writeValueAsBytes(root);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static ObjectNode preTokenizer(PreTokenizer preTokenizer) {
    ObjectNode sequence = JsonNodeFactory.instance.objectNode().put("type", "Sequence");
    ArrayNode steps = sequence.putArray("pretokenizers");
    for (String expression : preTokenizer.expressions()) {
      ObjectNode split = steps.addObject().put("type", "Split");
      split.putObject("pattern").put("Regex", expression);
      split.put("behavior", "Isolated").put("invert", false);
    }
    steps
        .addObject()
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", false)
        .put("use_regex", false);
    return sequence;
  }

  private static ArrayNode merges(List<String> merges, ObjectNode tokens) {
    ArrayNode pairs = JsonNodeFactory.instance.arrayNode();
    for (String merge : merges) {
      int space = BytePairs.space(merge);
      String left = merge.substring(0, space);
      String right = merge.substring(space + 1);
      // the library refuses merges of tokens that are not there
      if (tokens.has(left) && tokens.has(right) && tokens.has(left + right)) {
        pairs.addArray().add(left).add(right);
      }
    }
    return pairs;
  }
}
