package io.parley.workers.engine.simulated;

import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import io.parley.workers.text.ChatTemplate;
import io.parley.workers.text.Tokenizer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * The simulated model's vocabulary and chat template. Tokens are bytes, frequent English words with
 * the space before them, and pairs of letters for all other words: an English prompt is some two
 * tokens for each word. What the model writes is encoded again into the tokens that it wrote, so
 * that a session's next turn finds the last one's answer in the prefix cache.
 */
public final class SimulatedText implements Tokenizer, ChatTemplate {
  static final int END = 256;

  /** Begins an answer. */
  static final int ASSISTANT = 257;

  static final int FIRST_PAIR = 261;
  static final int FIRST_WORD = FIRST_PAIR + 26 * 26;

  private static final List<String> WORDS = words();
  static final int VOCABULARY_SIZE = FIRST_WORD + WORDS.size();

  private static final Map<String, Integer> IDS = ids();

  private static List<String> words() {
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                SimulatedText.class.getResourceAsStream("words.txt"), StandardCharsets.US_ASCII))) {
      return lines.lines().flatMap(line -> List.of(line.split(" ")).stream()).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Map<String, Integer> ids() {
    Map<String, Integer> ids = new HashMap<>();
    for (int i = 0; i < WORDS.size(); i++) {
      ids.put(WORDS.get(i), FIRST_WORD + i);
    }
    return ids;
  }

  /** Text has no special tokens in it, whoever wrote it. */
  @Override
  public int[] encode(String text, boolean parseSpecial) {
    IntStream.Builder ids = IntStream.builder();
    int at = 0;
    while (at < text.length()) {
      if (isLetter(text, at)) {
        int end = endOfLetters(text, at);
        addPairs(text, at, end, ids);
        at = end;
        continue;
      }
      int next = text.offsetByCodePoints(at, 1);
      int end = endOfLetters(text, next);
      Integer word = text.charAt(at) == ' ' ? IDS.get(text.substring(next, end)) : null;
      if (word != null) {
        ids.add(word);
        at = end;
      } else {
        addBytes(text.substring(at, next), ids);
        at = next;
      }
    }
    return ids.build().toArray();
  }

  private static boolean isLetter(String text, int at) {
    return at < text.length() && text.charAt(at) >= 'a' && text.charAt(at) <= 'z';
  }

  private static int endOfLetters(String text, int from) {
    int end = from;
    while (isLetter(text, end)) {
      end++;
    }
    return end;
  }

  private static void addPairs(String text, int from, int to, IntStream.Builder ids) {
    int at = from;
    for (; at + 2 <= to; at += 2) {
      ids.add(FIRST_PAIR + 26 * (text.charAt(at) - 'a') + text.charAt(at + 1) - 'a');
    }
    if (at < to) {
      ids.add(text.charAt(at));
    }
  }

  private static void addBytes(String character, IntStream.Builder ids) {
    for (byte one : character.getBytes(StandardCharsets.UTF_8)) {
      ids.add(one & 0xff);
    }
  }

  /** One token for who speaks, the text, one for its end; then it is the model's turn. */
  @Override
  public int[] encode(List<Message> messages, Instant now, Tokenizer tokenizer) {
    IntStream.Builder ids = IntStream.builder();
    for (Message message : messages) {
      ids.add(speaker(message.role()));
      IntStream.of(tokenizer.encode(message.content(), false)).forEach(ids::add);
      ids.add(END);
    }
    ids.add(ASSISTANT);
    return ids.build().toArray();
  }

  private static int speaker(Role role) {
    return switch (role) {
      case ASSISTANT -> ASSISTANT;
      case SYSTEM -> 258;
      case USER -> 259;
      case TOOL -> 260;
    };
  }

  @Override
  public byte[] bytes(int id) {
    if (id < END) {
      return new byte[] {(byte) id};
    }
    if (id < FIRST_PAIR) {
      return new byte[0];
    }
    if (id < FIRST_WORD) {
      int pair = id - FIRST_PAIR;
      return new byte[] {(byte) ('a' + pair / 26), (byte) ('a' + pair % 26)};
    }
    return (" " + WORDS.get(id - FIRST_WORD)).getBytes(StandardCharsets.US_ASCII);
  }

  @Override
  public Set<Integer> endOfGeneration() {
    return Set.of(END);
  }

  @Override
  public int vocabularySize() {
    return VOCABULARY_SIZE;
  }
}
