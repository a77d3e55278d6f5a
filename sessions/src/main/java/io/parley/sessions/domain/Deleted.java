package io.parley.sessions.domain;

import io.parley.sessions.SessionCommand.RefusalReason;
import java.util.Optional;

/**
 * A session that is gone. It keeps nothing, and its id is never used again.
 *
 * @param at when it was deleted, in milliseconds since the epoch
 */
public record Deleted(long at) implements Session {
  @Override
  public Decision decide(SessionAction action, long now, SessionLimits limits) {
    if (action instanceof SessionAction.Delete) {
      return Decision.done();
    }
    return Reports.isReport(action)
        ? Decision.drop()
        : new Decision.Refuse(RefusalReason.NOT_FOUND, "the session was deleted", Optional.empty());
  }

  @Override
  public Session apply(SessionEvent event) {
    return this;
  }
}
