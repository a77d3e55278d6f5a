package io.parley.node.http.openai;

import akka.util.ByteString;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.parley.node.http.ApiException;
import io.parley.node.http.Errors;
import io.parley.node.http.EventId;
import io.parley.node.http.Ids;
import io.parley.node.http.Json;
import io.parley.node.http.JsonInput;
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

/**
 * A turn as the typed events of the Responses API.
 *
 * <p>The sequence number of each event is a function of the journaled turn alone, so it is the same
 * after any crash and on any node: 0 to 3 open the stream, the token with index {@code i} is number
 * {@code 4 + i} (a token that finishes no text uses its number up and is not sent), and with {@code
 * n} tokens the tail is {@code 4 + n} and the closing events follow it.
 */
public final class ResponsesStream implements TurnEvents {
  private static final int OPENING = 4;
  private static final int CLOSING = 5;

  /** Where a reader stands: behind an event with this number, −1 before the first. */
  public record Position(long sequence, Optional<EventId> event) {
    /** Before everything. */
    public static Position beginning() {
      return new Position(-1, Optional.empty());
    }

    /** Behind the event with this number. */
    public static Position behind(long sequence) {
      return new Position(sequence, Optional.empty());
    }

    /** Behind the event with this id. */
    public static Position behind(EventId id) {
      return new Position((long) id.tokens() + id.marks() - 1, Optional.of(id));
    }

    /** Whether the turn can have given this event. */
    private boolean fits(TurnProgress turn) {
      boolean ended = turn.status().ended();
      long last = OPENING + turn.tokenCount() + (ended ? CLOSING : 0) - 1L;
      return sequence <= last && event.map(id -> isOf(id, turn.tokenCount())).orElse(true);
    }

    /** An event behind the last token names all tokens, one before the first names none. */
    private static boolean isOf(EventId id, int tokens) {
      boolean opening = id.tokens() == 0 && id.marks() <= OPENING;
      boolean delta = id.tokens() <= tokens && id.marks() == OPENING;
      boolean closing = id.tokens() == tokens && id.marks() > OPENING;
      return opening || delta || closing;
    }

    /** The error for an event that the stream has not. */
    ApiException unknown() {
      return event.isPresent()
          ? EventId.invalid("Last-Event-ID is of an event that this stream has not.")
          : JsonInput.invalid("starting_after", "must be the number of an event of the stream.");
    }
  }

  private final SessionId session;
  private final TurnRequest request;
  private final int turnNumber;
  private final Position position;
  private final long startingAfter;
  private final Function<Optional<Failure>, ApiException> failures;
  private boolean opened;
  private int next;
  private final String deltaStart;

  /**
   * @param request what was asked
   * @param position the last event that the reader saw
   * @param failures says why a failed turn failed
   */
  public ResponsesStream(
      SessionId session,
      int turnNumber,
      TurnRequest request,
      Position position,
      Function<Optional<Failure>, ApiException> failures) {
    this.session = session;
    this.turnNumber = turnNumber;
    this.request = request;
    this.position = position;
    this.startingAfter = position.sequence();
    this.failures = failures;
    this.next = (int) Math.min(Integer.MAX_VALUE / 2, Math.max(0, startingAfter + 1 - OPENING));
    this.deltaStart =
        "{\"type\":\"response.output_text.delta\",\"item_id\":"
            + Json.quote(Ids.output(session, turnNumber))
            + ",\"output_index\":0,\"content_index\":0,\"logprobs\":[],\"delta\":";
  }

  @Override
  public int fromIndex() {
    return next;
  }

  @Override
  public void requireReached(TurnProgress turn) {
    if (!position.fits(turn)) {
      throw position.unknown();
    }
  }

  @Override
  public boolean endsWithWholeTurn() {
    return true;
  }

  @Override
  public List<ByteString> on(TurnSlice slice, Optional<TurnView> whole) {
    List<ByteString> events = new ArrayList<>();
    if (!opened) {
      opened = true;
      open(slice.turn().startedEpochMillis(), events);
    }
    next = slice.fromIndex();
    for (Token token : slice.tokens()) {
      next++;
      delta(OPENING + next - 1, token.text(), events);
    }
    whole.ifPresent(turn -> close(turn, events));
    return events;
  }

  private void open(long startedEpochMillis, List<ByteString> events) {
    if (startingAfter >= OPENING - 1) {
      return;
    }
    ObjectNode response = ResponsesJson.begun(session, turnNumber, request, startedEpochMillis);
    add(events, 0, withResponse("response.created", response));
    add(events, 1, withResponse("response.in_progress", response));
    ObjectNode item = typed("response.output_item.added").put("output_index", 0);
    item.set("item", ResponsesJson.outputItem(session, turnNumber, "in_progress"));
    add(events, 2, item);
    ObjectNode part = inItem("response.content_part.added");
    part.set("part", ResponsesJson.textPart("output_text", ""));
    add(events, 3, part);
  }

  private void delta(int sequence, String text, List<ByteString> events) {
    if (sequence > startingAfter && !text.isEmpty()) {
      String json = deltaStart + Json.quote(text) + ",\"sequence_number\":" + sequence + "}";
      events.add(Sse.event(Optional.of(id(sequence, next)), "response.output_text.delta", json));
    }
  }

  private void close(TurnView turn, List<ByteString> events) {
    next = turn.tokenCount(); // a reader may have asked from behind the last token
    int after = OPENING + next;
    delta(after, turn.tail(), events);
    ObjectNode text = inItem("response.output_text.done").put("text", turn.answer());
    text.putArray("logprobs");
    add(events, after + 1, text);
    ObjectNode part = inItem("response.content_part.done");
    part.set("part", ResponsesJson.textPart("output_text", turn.answer()));
    add(events, after + 2, part);
    ObjectNode item = typed("response.output_item.done").put("output_index", 0);
    item.set("item", ResponsesJson.outputItem(session, turn, turn.answer()));
    add(events, after + 3, item);
    ObjectNode response = ResponsesJson.response(session, turn, failures);
    add(events, after + 4, withResponse(lastType(turn), response));
  }

  /** The type of the event that ends the stream of a turn. */
  static String lastType(TurnView turn) {
    if (turn.status() == TurnStatus.FAILED) {
      return "response.failed";
    }
    // the API has no event of its own for a cancelled response; its status says it
    return ResponsesJson.status(turn).equals("completed")
        ? "response.completed"
        : "response.incomplete";
  }

  static ObjectNode typed(String type) {
    return Json.object().put("type", type);
  }

  static ObjectNode withResponse(String type, ObjectNode response) {
    ObjectNode node = typed(type);
    node.set("response", response);
    return node;
  }

  private ObjectNode inItem(String type) {
    return typed(type)
        .put("item_id", Ids.output(session, turnNumber))
        .put("output_index", 0)
        .put("content_index", 0);
  }

  private void add(List<ByteString> events, int sequence, ObjectNode node) {
    if (sequence > startingAfter) {
      node.put("sequence_number", sequence);
      String type = node.get("type").textValue();
      events.add(
          Sse.event(
              Optional.of(id(sequence, sequence < OPENING ? 0 : next)), type, node.toString()));
    }
  }

  private EventId id(int sequence, int tokensSeen) {
    return new EventId(session, turnNumber, tokensSeen, sequence + 1 - tokensSeen);
  }

  @Override
  public ApiException failure(Optional<Failure> why) {
    return failures.apply(why);
  }

  @Override
  public ByteString broken(ApiException error) {
    return broken(error, Math.max(startingAfter, opened ? OPENING + next - 1 : 0));
  }

  /**
   * The event of a stream that cannot go on. It has no id, as it is no part of the turn, and for
   * that reason the number of the event before it: whoever goes on behind that misses nothing.
   */
  static ByteString broken(ApiException error, long lastSequence) {
    ObjectNode node = typed("error").put("code", error.code()).put("message", error.getMessage());
    node.put("param", error.param().orElse(null));
    node.put("sequence_number", lastSequence);
    Errors.fill(node.putObject("error"), error);
    return Sse.event(Optional.empty(), "error", node.toString());
  }
}
