package io.parley.sessions.domain;

import io.parley.sessions.domain.SessionAction.Admit;
import io.parley.sessions.domain.SessionAction.Append;
import io.parley.sessions.domain.SessionAction.FailTurn;
import io.parley.sessions.domain.SessionAction.LoseAttempt;

/** Tells what attempts report from what callers ask. */
final class Reports {
  private Reports() {}

  /** Whether the action concerns an attempt, and so has no caller to refuse. */
  static boolean isReport(SessionAction action) {
    return action instanceof Admit
        || action instanceof Append
        || action instanceof LoseAttempt
        || action instanceof FailTurn;
  }
}
