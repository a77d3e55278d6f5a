package io.parley.workers.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class AnswerTextTest {
  /** A tokenizer whose tokens are given byte sequences. */
  private record Pieces(List<byte[]> pieces) implements Tokenizer {
    @Override
    public int[] encode(String text, boolean parseSpecial) {
      throw new UnsupportedOperationException();
    }

    @Override
    public byte[] bytes(int id) {
      return pieces.get(id);
    }

    @Override
    public Set<Integer> endOfGeneration() {
      return Set.of();
    }

    @Override
    public int vocabularySize() {
      return pieces.size();
    }
  }

  private static List<String> deltas(List<byte[]> pieces, String... stop) {
    AnswerText answer = new AnswerText(new Pieces(pieces), List.of(stop));
    List<String> deltas = new ArrayList<>();
    for (int i = 0; i < pieces.size(); i++) {
      deltas.add(answer.push(i));
    }
    deltas.add(answer.flush());
    return deltas;
  }

  private static byte[] bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < values.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return bytes;
  }

  private static List<byte[]> texts(String... texts) {
    return Arrays.stream(texts).map(t -> t.getBytes(StandardCharsets.UTF_8)).toList();
  }

  @Test
  void holdsACharacterBackUntilItIsComplete() {
    assertThat(deltas(List.of(bytes('a', 0xf0), bytes(0x9f, 0x8e), bytes(0x89, 'b'))))
        .containsExactly("a", "", "🎉b", "");
  }

  @Test
  void replacesWhatCannotBecomeACharacterAtOnceAndAtTheEnd() {
    assertThat(deltas(List.of(bytes(0xf0, 0x9f), bytes('x'), bytes(0xff), bytes(0xe6))))
        .containsExactly("", "\ufffdx", "\ufffd", "", "\ufffd");
  }

  @Test
  void endsBeforeAStopStringThatSpansTokens() {
    assertThat(deltas(texts("one EN", "D", " two"), "END")).containsExactly("one ", "", "", "");
    AnswerText answer = new AnswerText(new Pieces(texts("xEND", "more")), List.of("END"));
    assertThat(answer.push(0)).isEqualTo("x");
    assertThat(answer.stopped()).isTrue();
    assertThat(answer.push(1)).isEmpty();
    assertThat(answer.flush()).isEmpty();
  }

  @Test
  void givesBackWhatOnlyLookedLikeAStopString() {
    assertThat(deltas(texts("a EN", "E", "N"), "END")).containsExactly("a ", "EN", "", "EN" + "");
  }

  @Test
  void takesTheStopStringThatIsCompleteFirstAndTheLongestOfThose() {
    assertThat(String.join("", deltas(texts("abcdef"), "bcde", "cd"))).isEqualTo("ab");
    assertThat(String.join("", deltas(texts("abcdef"), "cd", "abcd"))).isEmpty();
  }

  @Test
  void refusesAnEmptyStopString() {
    assertThatThrownBy(() -> new StopMatcher(List.of("a", "")))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /** Seeded: each round is a text of few symbols, cut anywhere, with stop strings likely in it. */
  @Test
  void anySplitGivesWhatTheWholeTextGives() {
    int stoppedRounds = 0;
    for (int seed = 0; seed < 3_000; seed++) {
      Random random = new Random(seed);
      byte[] whole = randomBytes(random);
      List<String> stop = new ArrayList<>();
      for (int i = random.nextInt(4); i > 0; i--) {
        stop.add(randomText(random, 1 + random.nextInt(4)));
      }
      List<byte[]> pieces = new ArrayList<>();
      for (int at = 0; at < whole.length; ) {
        int end = Math.min(whole.length, at + random.nextInt(4));
        pieces.add(Arrays.copyOfRange(whole, at, end));
        at = end;
      }
      String expected = cut(new String(whole, StandardCharsets.UTF_8), stop);
      List<String> deltas = deltas(pieces, stop.toArray(String[]::new));
      assertThat(String.join("", deltas)).as("seed %s, stop %s", seed, stop).isEqualTo(expected);
      for (String delta : deltas) {
        assertThat(
                delta.equals(
                    new String(delta.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8)))
            .as("seed %s: a delta splits a character", seed)
            .isTrue();
      }
      if (!expected.equals(new String(whole, StandardCharsets.UTF_8))) {
        stoppedRounds++;
      }
    }
    assertThat(stoppedRounds).isGreaterThan(300);
  }

  private static String cut(String text, List<String> stops) {
    for (int end = 1; end <= text.length(); end++) {
      String prefix = text.substring(0, end);
      int longest =
          stops.stream().filter(prefix::endsWith).mapToInt(String::length).max().orElse(0);
      if (longest > 0) {
        return prefix.substring(0, end - longest);
      }
    }
    return text;
  }

  private static byte[] randomBytes(Random random) {
    byte[] text = randomText(random, random.nextInt(24)).getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < text.length; i++) {
      if (random.nextInt(12) == 0) {
        text[i] = (byte) random.nextInt(); // often not UTF-8 any more
      }
    }
    return text;
  }

  private static String randomText(Random random, int symbols) {
    String[] alphabet = {"a", "b", "é", "漢", "🎉", "🎊"};
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < symbols; i++) {
      text.append(alphabet[random.nextInt(alphabet.length)]);
    }
    return text.toString();
  }
}
