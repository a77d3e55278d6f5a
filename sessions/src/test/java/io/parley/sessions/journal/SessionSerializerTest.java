package io.parley.sessions.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.dataformat.cbor.databind.CBORMapper;
import io.parley.routing.protocol.Token;
import io.parley.sessions.domain.SessionEvent;
import io.parley.sessions.domain.SessionEvent.TokensAppended;
import java.io.IOException;
import java.io.NotSerializableException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SessionSerializerTest {
  private final SessionSerializer serializer = new SessionSerializer();
  private final CBORMapper mapper = new CBORMapper();

  @Test
  void anUnknownManifestIsAClearError() {
    assertThatThrownBy(() -> serializer.fromBinary(new byte[0], "turn-started.v99"))
        .isInstanceOf(NotSerializableException.class)
        .hasMessageContaining("turn-started.v99")
        .hasMessageContaining("newer");
  }

  @Test
  void brokenBytesAreAClearError() {
    assertThatThrownBy(() -> serializer.fromBinary(new byte[] {1, 2}, "turn-started.v1"))
        .isInstanceOf(NotSerializableException.class)
        .hasMessageContaining("turn-started.v1");
  }

  @Test
  void fieldsOfALaterMinorVersionAreSkipped() throws IOException {
    byte[] bytes =
        mapper.writeValueAsBytes(
            new LinkedHashMap<>(Map.of("at", 5, "turn", 2, "by", "a later version")));
    assertThat(serializer.event(bytes, "turn-cancelled.v1"))
        .isEqualTo(new SessionEvent.TurnCancelled(5, 2));
  }

  @Test
  void fieldsThatWereNotWrittenYetGetTheirDefault() throws IOException {
    byte[] bytes = mapper.writeValueAsBytes(Map.of("at", 5));
    assertThat(serializer.event(bytes, "session-created.v1"))
        .isEqualTo(new SessionEvent.SessionCreated(5, Optional.empty(), List.of(), Map.of()));
  }

  @Test
  void aBrokenSealIsAClearError() {
    assertThatThrownBy(() -> new SealedSerializer().fromBinary(new byte[80], "turn-started.v1"))
        .isInstanceOf(NotSerializableException.class)
        .hasMessageContaining("turn-started.v1")
        .hasMessageContaining("seal");
  }

  @Test
  void onlyASealedEventIsStored() {
    var event = new SessionEvent.TurnCancelled(5, 2);
    assertThatThrownBy(() -> new SealedSerializer().toBinary(event))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void somethingElseIsRefused() {
    assertThatThrownBy(() -> serializer.toBinary("text"))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void tokensAreCompact() {
    List<Token> tokens = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      tokens.add(new Token(10_000 + i, " word"));
    }
    int one = serializer.toBinary(new TokensAppended(1, 1, 1, 0, tokens.subList(0, 1))).length;
    int all = serializer.toBinary(new TokensAppended(1, 1, 1, 0, tokens)).length;
    // three bytes for the id, one for the text's length
    assertThat((all - one) / 99.0).isLessThan(9.5);
    assertThat(one).isLessThan(90);
  }

  @Test
  void aBrokenSurrogateDoesNotStopTheJournal() throws IOException {
    var event = new TokensAppended(1, 1, 1, 0, List.of(new Token(1, "a\ud800")));
    var back = (TokensAppended) serializer.event(serializer.toBinary(event), "tokens-appended.v1");
    assertThat(back.tokens().get(0).text()).isEqualTo("a\ufffd");
  }
}
