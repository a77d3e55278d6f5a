package io.parley.node.http.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.Ids;
import io.parley.node.http.Json;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.TokenLogProb;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.SessionCommand.TurnView;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** Writes chat completions. */
public final class ChatJson {
  private ChatJson() {}

  /** A completed turn as one object; {@code tokens} are used only for log-probabilities. */
  public static ObjectNode completion(SessionId session, TurnView turn, List<Token> tokens) {
    ObjectNode root =
        head(
            Ids.completion(session, turn.number()),
            turn.request(),
            turn.startedEpochMillis(),
            turn.prompt());
    root.put("object", "chat.completion");
    ObjectNode choice = root.putArray("choices").addObject();
    choice.put("index", 0);
    Calls calls = Calls.of(turn.request(), turn.answer());
    message(choice.putObject("message"), session, turn.number(), calls);
    if (turn.request().sampling().logProbs()) {
      logProbs(choice.putObject("logprobs"), tokens);
    } else {
      choice.putNull("logprobs");
    }
    choice.put("finish_reason", finishReason(turn.finishReason(), calls.called()));
    usage(root.putObject("usage"), turn.prompt(), turn.tokenCount());
    return root;
  }

  private static void message(ObjectNode message, SessionId session, int turn, Calls calls) {
    message.put("role", "assistant");
    if (calls.calls().isEmpty()) {
      message.put("content", calls.text());
    } else {
      message.put("content", calls.text().isEmpty() ? null : calls.text());
      // one call ends an answer
      Calls.Call call = calls.calls().get(0);
      ObjectNode node = message.putArray("tool_calls").addObject();
      node.put("id", Ids.call(session, turn)).put("type", "function");
      node.putObject("function").put("name", call.name()).put("arguments", call.arguments());
    }
    message.putNull("refusal");
  }

  /** What all objects of a turn begin with. */
  static ObjectNode head(
      String id, TurnRequest request, long startedEpochMillis, Optional<PromptInfo> prompt) {
    ObjectNode root = Json.object();
    root.put("id", id).put("created", startedEpochMillis / 1000);
    root.put("model", request.model().toString());
    root.put("system_fingerprint", prompt.map(PromptInfo::variant).orElse(null));
    return root;
  }

  /**
   * Why an answer ended.
   *
   * @param called whether it ended with a call of a tool
   */
  static String finishReason(Optional<FinishReason> reason, boolean called) {
    if (reason.filter(r -> r == FinishReason.LENGTH).isPresent()) {
      return "length";
    }
    return called ? "tool_calls" : "stop";
  }

  static void usage(ObjectNode usage, Optional<PromptInfo> prompt, int tokens) {
    int promptTokens = prompt.map(PromptInfo::promptTokens).orElse(0);
    usage.put("prompt_tokens", promptTokens).put("completion_tokens", tokens);
    usage.put("total_tokens", promptTokens + tokens);
    usage
        .putObject("prompt_tokens_details")
        .put("cached_tokens", prompt.map(PromptInfo::cachedTokens).orElse(0));
  }

  static void logProbs(ObjectNode node, List<Token> tokens) {
    ArrayNode content = node.putArray("content");
    for (Token token : tokens) {
      token.logProb().ifPresent(logProb -> logProb(content.addObject(), logProb));
    }
    node.putNull("refusal");
  }

  private static void logProb(ObjectNode node, TokenLogProb logProb) {
    piece(node, logProb.piece(), logProb.logProb());
    ArrayNode top = node.putArray("top_logprobs");
    for (TokenLogProb.Alternative alternative : logProb.alternatives()) {
      piece(top.addObject(), alternative.piece(), alternative.logProb());
    }
  }

  private static void piece(ObjectNode node, String piece, float logProb) {
    byte[] bytes = piece.getBytes(StandardCharsets.ISO_8859_1);
    node.put("token", new String(bytes, StandardCharsets.UTF_8));
    // JSON has no infinity; OpenAI writes the same number for what is impossible
    node.put("logprob", Math.max(-9999.0f, logProb));
    ArrayNode list = node.putArray("bytes");
    for (byte b : bytes) {
      list.add(b & 0xff);
    }
  }
}
