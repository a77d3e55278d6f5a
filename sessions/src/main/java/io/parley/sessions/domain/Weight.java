package io.parley.sessions.domain;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb;
import io.parley.sessions.SessionCommand.TurnRequest;
import java.util.List;
import java.util.Map;

/** What things weigh in the journal and on the wire, in bytes, near enough to bound them. */
final class Weight {
  /** Names and lengths around a message or an entry of a map. */
  private static final int FRAME = 32;

  /** A turn's own fields. */
  private static final int TURN = 512;

  private Weight() {}

  /** UTF-8 bytes of a text. */
  static int utf8(String text) {
    int bytes = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      // each half of a surrogate pair counts two of the pair's four bytes
      bytes += c < 0x80 ? 1 : c < 0x800 || Character.isSurrogate(c) ? 2 : 3;
    }
    return bytes;
  }

  static long of(List<Message> messages) {
    long sum = 0;
    for (Message message : messages) {
      sum += FRAME + utf8(message.content());
      for (String callId : message.callIds()) {
        sum += FRAME + utf8(callId);
      }
    }
    return sum;
  }

  static long of(Map<String, String> metadata) {
    long sum = 0;
    for (Map.Entry<String, String> entry : metadata.entrySet()) {
      sum += FRAME + utf8(entry.getKey()) + utf8(entry.getValue());
    }
    return sum;
  }

  /** A turn's request without its history, which is the session's. */
  static long of(TurnRequest request) {
    long sum = TURN + of(request.input()) + of(request.metadata());
    sum += request.instructions().map(Weight::utf8).orElse(0);
    for (String stop : request.sampling().stop()) {
      sum += FRAME + utf8(stop);
    }
    sum += request.sampling().form().map(Weight::of).orElse(0L);
    return sum;
  }

  private static long of(AnswerForm form) {
    long sum = FRAME;
    if (form.json().isPresent()) {
      sum += FRAME + utf8(form.json().get().name());
      sum += form.json().get().schema().map(Weight::utf8).orElse(0);
    }
    for (AnswerForm.Tool tool : form.tools()) {
      sum += FRAME + utf8(tool.name()) + utf8(tool.parameters());
      sum += tool.description().map(Weight::utf8).orElse(0);
    }
    return sum;
  }

  /** A stored token with its log-probabilities. */
  static int of(Token token) {
    int sum = 6 + utf8(token.text());
    if (token.logProb().isPresent()) {
      TokenLogProb logProb = token.logProb().get();
      sum += 8 + utf8(logProb.piece());
      for (TokenLogProb.Alternative alternative : logProb.alternatives()) {
        sum += 12 + utf8(alternative.piece());
      }
    }
    return sum;
  }
}
