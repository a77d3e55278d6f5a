package io.parley.sessions;

import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.Priority;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Role;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.sessions.SessionCommand.TurnRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Values that tests share. */
public final class Samples {
  public static final ModelId MODEL = new ModelId("tiny", "1");
  public static final PromptInfo PROMPT = new PromptInfo(12, 4, 0, MODEL, "simulated");

  private Samples() {}

  public static TurnRequest request(String input) {
    return request(List.of(), input, Optional.empty());
  }

  public static TurnRequest request(
      List<Message> history, String input, Optional<String> instructions) {
    return new TurnRequest(
        MODEL,
        history,
        List.of(new Message(Role.USER, input)),
        instructions,
        SamplingParams.greedy(1000),
        ContextPolicy.ERROR,
        Priority.INTERACTIVE,
        true,
        false,
        Map.of());
  }

  /** A request that goes on when nobody reads. */
  public static TurnRequest inBackground(String input) {
    TurnRequest r = request(input);
    return new TurnRequest(
        r.model(),
        r.history(),
        r.input(),
        r.instructions(),
        r.sampling(),
        r.contextPolicy(),
        r.priority(),
        true,
        true,
        r.metadata());
  }

  /** Tokens whose ids are 100 and their index. */
  public static List<Token> tokens(int first, String... texts) {
    List<Token> tokens = new ArrayList<>();
    for (int i = 0; i < texts.length; i++) {
      tokens.add(new Token(100 + first + i, texts[i]));
    }
    return tokens;
  }
}
