package io.parley.node.http.openai;

import akka.util.ByteString;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.ApiException;
import io.parley.node.http.Errors;
import io.parley.node.http.EventId;
import io.parley.node.http.Ids;
import io.parley.node.http.Json;
import io.parley.node.http.Sse;
import io.parley.node.http.TurnEvents;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.Token;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.Reply.TurnSlice;
import io.parley.sessions.SessionCommand.TurnProgress;
import io.parley.sessions.SessionCommand.TurnRequest;
import io.parley.sessions.SessionCommand.TurnStatus;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Matcher;

/**
 * A turn as {@code chat.completion.chunk} events: the role, one chunk for each group of tokens, the
 * held-back tail, the finish, perhaps the usage, and {@code [DONE]}.
 *
 * <p>Where the answer may call a tool, a chunk has text, a piece of the call, or both. What is held
 * back depends on the tokens so far, so such a stream is read from its first token whoever takes it
 * up.
 *
 * <p>An event's id counts the tokens and the other events (marks) that are seen with it, so a
 * reader goes on exactly behind any event.
 */
public final class ChatStream implements TurnEvents {
  private static final int ROLE = 1;
  private static final int TAIL = 2;
  private static final int FINISH = 3;
  private static final int USAGE = 4;
  private static final int DONE = 5;

  private final SessionId session;
  private final TurnRequest request;
  private final int turnNumber;
  private final boolean includeUsage;
  private final int seenTokens;
  private final Optional<CallReader> calls;
  private final Function<Optional<Failure>, ApiException> failures;
  private boolean callEnded;
  private int next;
  private int marks;
  // what all content chunks have in common, once the turn is known
  private String chunkStart = "";
  private String chunkEnd = "";

  /**
   * @param request what was asked
   * @param seen the last event that the reader saw
   * @param failures says why a failed turn failed
   */
  public ChatStream(
      SessionId session,
      int turnNumber,
      TurnRequest request,
      boolean includeUsage,
      Optional<EventId> seen,
      Function<Optional<Failure>, ApiException> failures) {
    this.session = session;
    this.turnNumber = turnNumber;
    this.request = request;
    this.includeUsage = includeUsage;
    this.failures = failures;
    this.seenTokens = seen.map(EventId::tokens).orElse(0);
    this.marks = seen.map(EventId::marks).orElse(0);
    this.next = seenTokens;
    this.calls = Calls.possible(request) ? Optional.of(new CallReader()) : Optional.empty();
  }

  @Override
  public int fromIndex() {
    return calls.isPresent() ? 0 : seenTokens;
  }

  @Override
  public void requireReached(TurnProgress turn) {
    boolean whole = turn.status().ended() && seenTokens == turn.tokenCount();
    if (seenTokens > turn.tokenCount() || marks > (whole ? DONE : ROLE)) {
      throw EventId.invalid("Last-Event-ID is of an event that this stream has not.");
    }
  }

  @Override
  public boolean endsWithWholeTurn() {
    return false;
  }

  @Override
  public List<ByteString> on(TurnSlice slice, Optional<TurnView> whole) {
    TurnProgress turn = slice.turn();
    List<ByteString> events = new ArrayList<>(2);
    if (turn.status() == TurnStatus.QUEUED && slice.tokens().isEmpty()) {
      return events; // the model's variant, which every chunk names, is not known yet
    }
    if (chunkStart.isEmpty()) {
      prepare(turn);
    }
    if (turn.prompt().isPresent()) {
      mark(ROLE, () -> delta("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}"), events);
    }
    next = Math.max(seenTokens, slice.nextIndex());
    content(slice, events);
    if (slice.last()) {
      close(turn, events);
    }
    return events;
  }

  private void prepare(TurnProgress turn) {
    String json = head(turn).toString();
    String usage = includeUsage ? ",\"usage\":null" : "";
    chunkStart = json.substring(0, json.length() - 1) + ",\"choices\":[{\"index\":0,\"delta\":";
    chunkEnd = ",\"logprobs\":null,\"finish_reason\":null}]" + usage + "}";
  }

  private void content(TurnSlice slice, List<ByteString> events) {
    int seen = Math.min(slice.tokens().size(), Math.max(0, seenTokens - slice.fromIndex()));
    text(slice.tokens().subList(0, seen)); // so that the rest is understood as it was then
    List<Token> fresh = slice.tokens().subList(seen, slice.tokens().size());
    Optional<String> content = text(fresh);
    if (request.sampling().logProbs() && !fresh.isEmpty()) {
      ObjectNode node = Json.object();
      ChatJson.logProbs(node, fresh);
      String choice = content.orElse("{\"content\":\"\"}");
      events.add(
          event(chunkStart + choice + chunkEnd.replaceFirst("null", quoteReplacement(node))));
    } else {
      content.ifPresent(delta -> events.add(event(delta(delta))));
    }
  }

  /** What these tokens add, as a delta; empty where it is nothing yet. */
  private Optional<String> text(List<Token> tokens) {
    StringBuilder text = new StringBuilder();
    for (Token token : tokens) {
      text.append(token.text());
    }
    if (calls.isPresent()) {
      return parts(calls.get().push(text.toString()));
    }
    return text.isEmpty()
        ? Optional.empty()
        : Optional.of("{\"content\":" + Json.quote(text.toString()) + "}");
  }

  /**
   * Parts of an answer as one delta: an event has an id of its own. An answer has one call at most.
   */
  private Optional<String> parts(List<CallReader.Part> parts) {
    StringBuilder text = new StringBuilder();
    StringBuilder arguments = new StringBuilder();
    ObjectNode call = null;
    for (CallReader.Part part : parts) {
      if (part instanceof CallReader.Text more) {
        text.append(more.text());
      } else if (part instanceof CallReader.Begin begin) {
        call = Json.object().put("index", 0).put("id", Ids.call(session, turnNumber));
        call.put("type", "function").putObject("function").put("name", begin.name());
      } else if (part instanceof CallReader.Arguments more) {
        call = call == null ? Json.object().put("index", 0) : call;
        arguments.append(more.json());
      } else {
        callEnded = true;
      }
    }
    ObjectNode delta = Json.object();
    if (!text.isEmpty()) {
      delta.put("content", text.toString());
    }
    if (call != null) {
      call.withObject("/function").put("arguments", arguments.toString());
      delta.putArray("tool_calls").add(call);
    }
    return delta.isEmpty() ? Optional.empty() : Optional.of(delta.toString());
  }

  private static String quoteReplacement(ObjectNode node) {
    return Matcher.quoteReplacement(node.toString());
  }

  private void close(TurnProgress turn, List<ByteString> events) {
    if (turn.status() == TurnStatus.COMPLETED) {
      tail(turn).ifPresent(delta -> mark(TAIL, () -> delta(delta), events));
      mark(FINISH, () -> finish(turn), events);
      if (includeUsage) {
        mark(USAGE, () -> usage(turn), events);
      }
      mark(DONE, () -> "[DONE]", events);
    } else {
      ApiException why =
          turn.status() == TurnStatus.CANCELLED
              ? Errors.cancelled()
              : failures.apply(turn.failure());
      mark(DONE, () -> Errors.json(why).toString(), events);
    }
  }

  private Optional<String> tail(TurnProgress turn) {
    if (calls.isEmpty()) {
      return turn.tail().isEmpty()
          ? Optional.empty()
          : Optional.of("{\"content\":" + Json.quote(turn.tail()) + "}");
    }
    List<CallReader.Part> parts = new ArrayList<>(calls.get().push(turn.tail()));
    parts.addAll(calls.get().end());
    return parts(parts);
  }

  private String finish(TurnProgress turn) {
    String why = ChatJson.finishReason(turn.finishReason(), callEnded);
    String reason = "\"finish_reason\":\"" + why + "\"";
    return chunkStart + "{}" + chunkEnd.replace("\"finish_reason\":null", reason);
  }

  private ObjectNode head(TurnProgress turn) {
    return ChatJson.head(
            Ids.completion(session, turnNumber), request, turn.startedEpochMillis(), turn.prompt())
        .put("object", "chat.completion.chunk");
  }

  private String usage(TurnProgress turn) {
    ObjectNode chunk = head(turn);
    chunk.putArray("choices");
    ChatJson.usage(chunk.putObject("usage"), turn.prompt(), turn.tokenCount());
    return chunk.toString();
  }

  private String delta(String delta) {
    return chunkStart + delta + chunkEnd;
  }

  private void mark(int mark, Supplier<String> data, List<ByteString> events) {
    if (marks < mark) {
      marks = mark;
      events.add(event(data.get()));
    }
  }

  private ByteString event(String data) {
    return Sse.event(new EventId(session, turnNumber, next, marks), data);
  }

  @Override
  public ApiException failure(Optional<Failure> why) {
    return failures.apply(why);
  }

  @Override
  public ByteString broken(ApiException error) {
    // no id: whoever reconnects goes on behind the last event that was whole
    return Sse.data(Errors.json(error).toString());
  }
}
