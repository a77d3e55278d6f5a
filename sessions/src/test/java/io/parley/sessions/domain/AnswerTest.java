package io.parley.sessions.domain;

import static org.assertj.core.api.Assertions.assertThat;

import io.parley.routing.protocol.Token;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class AnswerTest {
  @Property(tries = 200)
  void readsWhatWasAppendedFromEveryIndex(
      @ForAll @Size(max = 40) List<@IntRange(max = 100) Integer> groups,
      @ForAll @IntRange(max = 1000) int from,
      @ForAll @IntRange(min = 1, max = 100) int atMost) {
    List<Token> all = new ArrayList<>();
    Answer answer = Answer.empty();
    for (int size : groups) {
      List<Token> group = new ArrayList<>();
      for (int i = 0; i < size; i++) {
        group.add(new Token(all.size() + i, "é" + i));
      }
      all.addAll(group);
      Answer before = answer;
      int sizeBefore = before.size();
      answer = answer.append(group);
      assertThat(before.size()).isEqualTo(sizeBefore);
      assertThat(before.tokens()).isEqualTo(all.subList(0, sizeBefore));
    }
    int start = Math.min(from, all.size());
    assertThat(answer.slice(from, atMost, Long.MAX_VALUE))
        .isEqualTo(all.subList(start, Math.min(all.size(), start + atMost)));
    assertThat(answer).isEqualTo(Answer.of(all)).hasSameHashCodeAs(Answer.of(all));
    assertThat(answer.textBytes())
        .isEqualTo(answer.text().getBytes(java.nio.charset.StandardCharsets.UTF_8).length);
  }

  @Test
  void twoAppendsToTheSameAnswerDoNotMix() {
    Answer base = Answer.of(List.of(new Token(1, "a")));
    Answer left = base.append(List.of(new Token(2, "b")));
    Answer right = base.append(List.of(new Token(3, "c")));
    assertThat(left.text()).isEqualTo("ab");
    assertThat(right.text()).isEqualTo("ac");
  }

  @Test
  void aSliceIsBoundedInBytesButNeverEmpty() {
    Answer answer =
        Answer.of(List.of(new Token(1, "x".repeat(100)), new Token(2, "y"), new Token(3, "z")));
    assertThat(answer.slice(0, 10, 50)).hasSize(1);
    assertThat(answer.slice(1, 10, 50)).hasSize(2);
  }
}
