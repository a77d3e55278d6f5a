package io.parley.sessions.domain;

/**
 * A session as a pure, immutable value.
 *
 * <pre>
 * state       action                         events                              next state
 * Absent      Create                         SessionCreated                      Idle
 * Absent      StartTurn(createIfAbsent)      SessionCreated, TurnStarted,
 *                                            AttemptStarted(1)                   Generating
 * Absent      anything else                  refused: NOT_FOUND
 * Idle        StartTurn, new key             TurnStarted, AttemptStarted(1)      Generating
 * Idle        StartTurn, no room             refused: SESSION_FULL
 * both        StartTurn behind a turn that
 *              is not the last               refused: TURN_NOT_LAST
 * Idle        AppendMessages, new key        MessagesAppended                    Idle
 * Generating  Admit (this attempt)           TurnAdmitted                        Generating
 * Generating  Append (this attempt,          [TurnAdmitted], TokensAppended      Generating
 *              first new index is next)
 * Generating  ... with a finish, or the      ..., TurnCompleted                  Idle
 *              session has no room for more
 * Generating  Append (gap, or nothing new)   none: told the next index           Generating
 * Generating  LoseAttempt (this attempt)     [TurnAdmitted], AttemptStarted      Generating
 *                                            (n + 1)
 * Generating  ... once too often             TurnFailed(ATTEMPTS_EXHAUSTED)      Idle
 * Generating  FailTurn (this attempt)        TurnFailed                          Idle
 * Generating  CancelTurn                     TurnCancelled                       Idle
 * Generating  StartTurn (new key),
 *              AppendMessages                refused: TURN_RUNNING
 * Generating  DeleteTurn (running)           TurnCancelled, TurnDeleted          Idle
 * Generating  Delete                         TurnCancelled, SessionDeleted       Deleted
 * Idle        Delete                         SessionDeleted                      Deleted
 * both        StartTurn, known key           none: told the turn (KEY_REUSED with another
 *                                            fingerprint)
 * both        Create, or AppendMessages      none: done (KEY_REUSED when something else
 *              with a known key               was asked then)                     same
 * both        SetMetadata                    MetadataSet                         same
 * both        DeleteTurn (ended)             TurnDeleted                         same
 * any         report of another attempt      none: told to drop it               same
 * Idle        report of a turn's last        none: told that it ended            same
 *              attempt (its answer was lost)
 * Deleted     Delete                         none: done                          Deleted
 * Deleted     anything else                  refused: NOT_FOUND                  Deleted
 * </pre>
 *
 * <p>One turn runs at a time; a turn's tokens have no gap and no repeat; each turn ends once.
 */
public sealed interface Session permits Absent, Existing, Deleted {

  /**
   * What to make of an action at this time. Has no effect: the decision's events do, when applied.
   *
   * @param now milliseconds since the epoch
   */
  Decision decide(SessionAction action, long now, SessionLimits limits);

  /**
   * The state after an event. An event that does not fit leaves the state as it is, so even a
   * journal that two nodes wrote during a split replays to a valid session.
   */
  Session apply(SessionEvent event);

  /** The state after these events, in order. */
  default Session applyAll(Iterable<? extends SessionEvent> events) {
    Session session = this;
    for (SessionEvent event : events) {
      session = session.apply(event);
    }
    return session;
  }
}
