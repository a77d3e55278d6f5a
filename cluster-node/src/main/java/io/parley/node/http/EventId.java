package io.parley.node.http;

import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.TenantId;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The {@code id:} of a server-sent event: how far a reader of a turn has come once it has seen the
 * event. Written {@code sess_<value>.<turn>.<tokens>.<marks>}.
 *
 * @param tokens how many tokens of the answer are seen; the next token's index
 * @param marks how many of the stream's other events (opening, closing) are seen
 */
public record EventId(SessionId session, int turn, int tokens, int marks) {
  private static final Pattern FORM =
      Pattern.compile("sess_([A-Za-z0-9]{1,64})\\.([1-9]\\d{0,8})\\.(\\d{1,9})\\.(\\d{1,2})");

  /**
   * Reads a {@code Last-Event-ID}.
   *
   * @throws ApiException 400 when it is none of ours
   */
  public static EventId parse(TenantId tenant, String text) {
    Matcher parts = FORM.matcher(text);
    if (!parts.matches()) {
      throw invalid("Last-Event-ID is not an event id of this server.");
    }
    return new EventId(
        new SessionId(tenant, parts.group(1)),
        Integer.parseInt(parts.group(2)),
        Integer.parseInt(parts.group(3)),
        Integer.parseInt(parts.group(4)));
  }

  /** Refuses an id of another turn. */
  public EventId requireTurn(SessionId wantedSession, int wantedTurn) {
    if (!session.equals(wantedSession) || turn != wantedTurn) {
      throw invalid("Last-Event-ID belongs to another turn.");
    }
    return this;
  }

  /** 400 about the header. */
  public static ApiException invalid(String message) {
    return ApiException.badField("Last-Event-ID", "invalid_last_event_id", message);
  }

  @Override
  public String toString() {
    return Ids.session(session) + "." + turn + "." + tokens + "." + marks;
  }
}
