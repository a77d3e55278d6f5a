package io.parley.sessions.domain;

import io.parley.sessions.domain.SessionAction.Create;
import io.parley.sessions.domain.SessionAction.StartTurn;
import io.parley.sessions.domain.SessionEvent.SessionCreated;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** No such session yet. */
public record Absent() implements Session {
  @Override
  public Decision decide(SessionAction action, long now, SessionLimits limits) {
    if (action instanceof Create create) {
      return create(create, now, limits);
    }
    if (action instanceof StartTurn start && start.createIfAbsent()) {
      return start(start, now, limits);
    }
    return Reports.isReport(action) ? Decision.drop() : Decision.notFound("the session");
  }

  private Decision create(Create create, long now, SessionLimits limits) {
    var created =
        new SessionCreated(
            now, Optional.of(create.fingerprint()), create.history(), create.metadata());
    return empty(created).refuseIfFull(0, limits).orElseGet(() -> Decision.done(created));
  }

  private Decision start(StartTurn start, long now, SessionLimits limits) {
    var created =
        new SessionCreated(
            now, Optional.of(start.fingerprint()), start.request().history(), Map.of());
    Decision decision = new Idle(empty(created)).decide(start, now, limits);
    if (decision instanceof Decision.Accept accept) {
      List<SessionEvent> events = new ArrayList<>();
      events.add(created);
      events.addAll(accept.events());
      return new Decision.Accept(events, accept.outcome());
    }
    return decision;
  }

  private static Conversation empty(SessionCreated event) {
    return Conversation.of(
        event.at(), event.fingerprint(), event.metadata(), event.history(), List.of());
  }

  @Override
  public Session apply(SessionEvent event) {
    return event instanceof SessionCreated created ? new Idle(empty(created)) : this;
  }
}
