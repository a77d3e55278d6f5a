package io.parley.workers.constraint;

import io.parley.workers.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** A token for each byte, some for pieces of JSON and of characters, a control token and an end. */
final class ByteVocabulary implements Tokenizer {
  private static final String[] PIECES = {
    "{\"",
    "\":",
    "\": ",
    "\",",
    "\", \"",
    "\"}",
    "\"}]",
    "\"]",
    "[]",
    "{}",
    "}}",
    "}]",
    "],",
    "},",
    "[{",
    "[[",
    "null",
    "true",
    "false",
    "tru",
    "e,",
    "\n  ",
    "\n    ",
    "  ",
    " \"",
    ": ",
    ", ",
    "10",
    "99",
    "0.",
    ".5",
    "e+",
    "-1",
    "\\\"",
    "\\n",
    "\\u",
    "\\u00",
    "00e",
    "\\ud83d",
    "\\ude00",
    "abc",
    "ab",
    "name",
    "\"name\"",
    "é",
    "日本",
    "😀",
    "😀\"",
    "<tool_call>",
    "</tool_call>",
    "\n{\"name\": \"",
    "ü\",",
    "<tool",
    "\"arguments\": {"
  };

  private final List<byte[]> tokens = new ArrayList<>();

  ByteVocabulary() {
    for (int value = 0; value < 256; value++) {
      tokens.add(new byte[] {(byte) value});
    }
    for (String piece : PIECES) {
      tokens.add(piece.getBytes(StandardCharsets.UTF_8));
    }
    tokens.add(new byte[] {(byte) 0xe6, (byte) 0x97}); // most of a character
    tokens.add(new byte[] {(byte) 0xa5, '"', ','}); // its end, and more
    tokens.add(new byte[] {(byte) 0x9f, (byte) 0x98});
    Random random = new Random(5);
    for (int i = 0; i < 200; i++) {
      byte[] text = new byte[2 + random.nextInt(4)];
      for (int j = 0; j < text.length; j++) {
        text[j] = (byte) "{}[]\",: \n0123456789-.eEabcnulltrufs\\".charAt(random.nextInt(36));
      }
      tokens.add(text);
    }
    tokens.add(new byte[0]); // a control token
    tokens.add(new byte[0]); // the end
  }

  int end() {
    return tokens.size() - 1;
  }

  @Override
  public int[] encode(String text, boolean parseSpecial) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int[] ids = new int[bytes.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = bytes[i] & 0xff;
    }
    return ids;
  }

  @Override
  public byte[] bytes(int id) {
    return tokens.get(id).clone();
  }

  @Override
  public Set<Integer> endOfGeneration() {
    return Set.of(end());
  }

  @Override
  public int vocabularySize() {
    return tokens.size();
  }
}
