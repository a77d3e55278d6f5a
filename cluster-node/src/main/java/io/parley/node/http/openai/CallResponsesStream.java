package io.parley.node.http.openai;

import static io.parley.node.http.openai.ResponsesStream.typed;
import static io.parley.node.http.openai.ResponsesStream.withResponse;

import akka.util.ByteString;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.ApiException;
import io.parley.node.http.EventId;
import io.parley.node.http.Ids;
import io.parley.node.http.Sse;
import io.parley.node.http.TurnEvents;
import io.parley.node.http.openai.ResponsesStream.Position;
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

/**
 * A turn that may call a tool as the typed events of the Responses API: a message, a call, or one
 * and then the other.
 *
 * <p>As in {@link ResponsesStream} the sequence number of each event is a function of the journaled
 * turn alone: 0 and 1 open the stream, and each token has {@value #STRIDE} numbers of its own, of
 * which the events that it causes take the first ones; those of the end follow the last token's.
 * Since what a token causes depends on those before it, the stream is read from the first token
 * whoever takes it up.
 */
public final class CallResponsesStream implements TurnEvents {
  private static final int OPENING = 2;

  /** More than a token causes: it may end a message and be a whole call. */
  private static final int STRIDE = 16;

  private final SessionId session;
  private final int turnNumber;
  private final TurnRequest request;
  private final Position position;
  private final long seen;
  private final Function<Optional<Failure>, ApiException> failures;
  private final CallReader reader = new CallReader();
  private final StringBuilder text = new StringBuilder();
  private final StringBuilder arguments = new StringBuilder();
  private List<ByteString> events = new ArrayList<>();
  private boolean opened;
  private boolean inMessage;
  private String callName; // null where there is no call
  private boolean callWhole;
  private int tokens;
  private int sequence;

  /** As {@link ResponsesStream}. */
  public CallResponsesStream(
      SessionId session,
      int turnNumber,
      TurnRequest request,
      Position position,
      Function<Optional<Failure>, ApiException> failures) {
    this.session = session;
    this.turnNumber = turnNumber;
    this.request = request;
    this.position = position;
    this.seen =
        position
            .event()
            .map(id -> beforeThoseOf(id.tokens()) + id.marks())
            .orElse(position.sequence());
    this.failures = failures;
  }

  @Override
  public int fromIndex() {
    return 0;
  }

  @Override
  public void requireReached(TurnProgress turn) {
    int n = turn.tokenCount();
    boolean ended = turn.status().ended();
    boolean reached = seen < numbersBefore(ended ? n + 1 : n);
    // an event names the tokens up to its own; only the end's follow the last token's
    boolean fits =
        position
            .event()
            .map(id -> id.tokens() <= n && (seen < numbersBefore(id.tokens()) || id.tokens() == n))
            .orElse(true);
    if (!reached || !fits) {
      throw position.unknown();
    }
  }

  /** How many numbers there are before those of a token. */
  private static long numbersBefore(long token) {
    return OPENING + STRIDE * token;
  }

  /** The number before the first that an event which names so many tokens can have. */
  private static long beforeThoseOf(int tokens) {
    return (tokens == 0 ? 0 : numbersBefore(tokens - 1)) - 1;
  }

  @Override
  public boolean endsWithWholeTurn() {
    return true;
  }

  @Override
  public List<ByteString> on(TurnSlice slice, Optional<TurnView> whole) {
    events = new ArrayList<>();
    if (!opened) {
      opened = true;
      ObjectNode response =
          ResponsesJson.begun(session, turnNumber, request, slice.turn().startedEpochMillis());
      add(withResponse("response.created", response));
      add(withResponse("response.in_progress", response));
    }
    for (Token token : slice.tokens()) {
      sequence = (int) numbersBefore(tokens++);
      reader.push(token.text()).forEach(this::part);
    }
    whole.ifPresent(this::close);
    return events;
  }

  private void part(CallReader.Part part) {
    if (part instanceof CallReader.Text more) {
      if (callName == null) { // an answer ends with its call
        message(more.text());
      }
    } else if (part instanceof CallReader.Begin begin) {
      if (inMessage) {
        closeMessage("completed");
      }
      callName = begin.name();
      add(withItem("response.output_item.added", call("in_progress")));
    } else if (part instanceof CallReader.Arguments more) {
      arguments.append(more.json());
      add(inCall("response.function_call_arguments.delta").put("delta", more.json()));
    } else {
      callWhole = true;
      closeCall("completed");
    }
  }

  private void message(String delta) {
    if (!inMessage) {
      inMessage = true;
      add(
          withItem(
              "response.output_item.added",
              ResponsesJson.outputItem(session, turnNumber, "in_progress")));
      add(withPart("response.content_part.added", ""));
    }
    if (!delta.isEmpty()) {
      text.append(delta);
      ObjectNode node = inMessage("response.output_text.delta").put("delta", delta);
      node.putArray("logprobs");
      add(node);
    }
  }

  private void closeMessage(String status) {
    inMessage = false;
    ObjectNode done = inMessage("response.output_text.done").put("text", text.toString());
    done.putArray("logprobs");
    add(done);
    add(withPart("response.content_part.done", text.toString()));
    ObjectNode item = ResponsesJson.outputItem(session, turnNumber, status);
    item.withArray("content").add(ResponsesJson.textPart("output_text", text.toString()));
    add(withItem("response.output_item.done", item));
  }

  private void closeCall(String status) {
    ObjectNode done = inCall("response.function_call_arguments.done").put("name", callName);
    add(done.put("arguments", arguments.toString()));
    add(withItem("response.output_item.done", call(status)));
  }

  private void close(TurnView turn) {
    sequence = (int) numbersBefore(tokens);
    reader.push(turn.tail()).forEach(this::part);
    reader.end().forEach(this::part);
    boolean completed = ResponsesJson.status(turn).equals("completed");
    String status = completed ? "completed" : "incomplete";
    if (!inMessage && text.isEmpty() && callName == null && turn.status() == TurnStatus.COMPLETED) {
      message(""); // an empty answer is a message all the same
    }
    if (inMessage) {
      closeMessage(status);
    }
    if (callName != null && !callWhole) {
      closeCall("incomplete");
    }
    add(
        withResponse(
            ResponsesStream.lastType(turn), ResponsesJson.response(session, turn, failures)));
  }

  private ObjectNode call(String status) {
    Calls.Call call = new Calls.Call(callName, arguments.toString(), callWhole);
    return ResponsesJson.callItem(
        Ids.callItem(session, turnNumber), Ids.call(session, turnNumber), call, status);
  }

  private ObjectNode withItem(String type, ObjectNode item) {
    boolean second = item.get("type").textValue().equals("function_call") && !text.isEmpty();
    ObjectNode node = typed(type).put("output_index", second ? 1 : 0);
    node.set("item", item);
    return node;
  }

  private ObjectNode inMessage(String type) {
    return typed(type)
        .put("item_id", Ids.output(session, turnNumber))
        .put("output_index", 0)
        .put("content_index", 0);
  }

  private ObjectNode withPart(String type, String content) {
    ObjectNode node = inMessage(type);
    node.set("part", ResponsesJson.textPart("output_text", content));
    return node;
  }

  private ObjectNode inCall(String type) {
    return typed(type)
        .put("item_id", Ids.callItem(session, turnNumber))
        .put("output_index", text.isEmpty() ? 0 : 1);
  }

  private void add(ObjectNode node) {
    int number = sequence++;
    if (number > seen) {
      node.put("sequence_number", number);
      int marks = (int) (number - beforeThoseOf(tokens));
      EventId id = new EventId(session, turnNumber, tokens, marks);
      events.add(Sse.event(Optional.of(id), node.get("type").textValue(), node.toString()));
    }
  }

  @Override
  public ApiException failure(Optional<Failure> why) {
    return failures.apply(why);
  }

  @Override
  public ByteString broken(ApiException error) {
    return ResponsesStream.broken(error, Math.max(0, Math.max(seen, sequence - 1)));
  }
}
