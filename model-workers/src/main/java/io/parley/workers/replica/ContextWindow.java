package io.parley.workers.replica;

import io.parley.routing.protocol.ContextPolicy;
import io.parley.routing.protocol.Message;
import io.parley.routing.protocol.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/**
 * Fits a conversation into a model's context. A pure function: the same input gives the same prompt
 * on every attempt (what a template takes for now is the turn's), which the resumption of an
 * interrupted answer relies on.
 *
 * <p>{@link ContextPolicy#DROP_OLDEST} leaves out the oldest turns (a user message with what
 * follows up to the next user message) until the prompt and {@code min(maxTokens, context / 4)}
 * tokens of answer fit. System messages stay, and so does everything from the last user message on.
 * When that alone leaves less room, but room for one token, it is used as it is.
 */
public final class ContextWindow {
  private ContextWindow() {}

  /** Either a prompt that fits or the refusal. */
  public sealed interface Result {}

  /**
   * The prompt.
   *
   * @param prompt token ids; owned by the receiver
   * @param droppedMessages how many messages were left out
   */
  @SuppressWarnings("ArrayRecordComponent") // handed over once, never compared
  public record Fitted(int[] prompt, int droppedMessages) implements Result {}

  /** The conversation does not fit; {@code message} has the figures and no text of the prompt. */
  public record TooLong(String message) implements Result {}

  /**
   * Renders and fits.
   *
   * @param encoder renders and tokenizes a conversation; what it throws passes through
   * @param contextLength the most tokens of prompt and answer together
   */
  public static Result fit(
      List<Message> messages,
      Function<List<Message>, int[]> encoder,
      int contextLength,
      int maxTokens,
      ContextPolicy policy) {
    int[] whole = encoder.apply(messages);
    int most = contextLength - 1;
    if (policy == ContextPolicy.ERROR) {
      return whole.length <= most ? new Fitted(whole, 0) : tooLong(whole.length, contextLength, 0);
    }
    int room = Math.max(1, Math.min(maxTokens, contextLength / 4));
    int limit = contextLength - room;
    if (whole.length <= limit) {
      return new Fitted(whole, 0);
    }
    List<Integer> starts = turnStarts(messages);
    // The fewest turns to drop, by bisection: more turns dropped never make a longer prompt.
    int low = 0;
    int high = starts.size() - 1;
    int[] best = whole;
    int bestStart = 0;
    while (low < high) {
      int middle = (low + high) >>> 1;
      int[] prompt = encoder.apply(from(messages, starts.get(middle + 1)));
      if (prompt.length <= limit || middle + 1 == starts.size() - 1) {
        best = prompt;
        bestStart = starts.get(middle + 1);
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    int dropped = messages.size() - from(messages, bestStart).size();
    return best.length <= most
        ? new Fitted(best, dropped)
        : tooLong(best.length, contextLength, dropped);
  }

  /**
   * What is left of a conversation when the oldest turns were left out, so many messages.
   *
   * @return empty when no number of turns has that many messages
   */
  public static Optional<List<Message>> without(List<Message> messages, int dropped) {
    return turnStarts(messages).stream()
        .map(start -> from(messages, start))
        .filter(kept -> messages.size() - kept.size() == dropped)
        .findFirst();
  }

  /**
   * Where the turns begin: 0, then each user message after it. What stands before the first user
   * message counts as a turn of its own, so that a leading assistant message can be dropped too.
   */
  private static List<Integer> turnStarts(List<Message> messages) {
    List<Integer> starts = new ArrayList<>();
    starts.add(0);
    for (int i = 1; i < messages.size(); i++) {
      if (messages.get(i).role() == Role.USER) {
        starts.add(i);
      }
    }
    return starts;
  }

  private static List<Message> from(List<Message> messages, int start) {
    List<Message> kept = new ArrayList<>();
    for (int i = 0; i < messages.size(); i++) {
      if (i >= start || messages.get(i).role() == Role.SYSTEM) {
        kept.add(messages.get(i));
      }
    }
    return kept;
  }

  private static TooLong tooLong(int promptTokens, int contextLength, int droppedMessages) {
    String dropped =
        droppedMessages == 0
            ? ""
            : " even without the " + droppedMessages + " messages of the oldest turns";
    return new TooLong(
        "the prompt is %d tokens%s; the model's context of %d leaves room for at most %d"
            .formatted(promptTokens, dropped, contextLength, contextLength - 1));
  }
}
