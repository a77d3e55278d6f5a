package io.parley.node.chaos;

import io.parley.node.chaos.ObservedTurn.Api;
import io.parley.node.chaos.ObservedTurn.HttpAnswer;
import io.parley.node.chaos.ObservedTurn.Outcome;
import io.parley.node.chaos.ObservedTurn.Seen;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What one client asks, and what it has seen of it so far. Written by the client's thread, read by
 * any.
 */
final class ClientTurn {
  private static final int BARELY_BEGUN = 5;
  private static final int NEARLY_DONE = 15;

  private final Api api;
  private final Tenant tenant;
  private final String session;
  private final String key;
  private final String prompt;
  private final int maxTokens;
  private final long sentNanos = System.nanoTime();
  private final List<Seen> seen = new ArrayList<>();
  private final List<HttpAnswer> answers = new ArrayList<>();
  private Outcome outcome = Outcome.RUNNING;
  private String code = "";
  private int number;
  private int losses;
  private volatile NodeProcess edge;

  /**
   * @param session where it is journaled
   * @param key empty: none
   */
  ClientTurn(Api api, Tenant tenant, String session, String key, String prompt, int maxTokens) {
    this.api = api;
    this.tenant = tenant;
    this.session = session;
    this.key = key;
    this.prompt = prompt;
    this.maxTokens = maxTokens;
  }

  Api api() {
    return api;
  }

  Tenant tenant() {
    return tenant;
  }

  String session() {
    return session;
  }

  String key() {
    return key;
  }

  String prompt() {
    return prompt;
  }

  int maxTokens() {
    return maxTokens;
  }

  /** The node that it is asked at, or was asked at last. */
  Optional<NodeProcess> edge() {
    return Optional.ofNullable(edge);
  }

  void asksAt(NodeProcess node) {
    edge = node;
  }

  synchronized void saw(int turn, Seen part) {
    number = turn;
    seen.add(part);
  }

  synchronized void told(HttpAnswer answer) {
    answers.add(answer);
  }

  synchronized void lostConnection() {
    losses++;
  }

  synchronized void end(Outcome how, String errorCode) {
    outcome = how;
    code = errorCode;
  }

  /** Whoever left comes back. */
  synchronized void again() {
    outcome = Outcome.RUNNING;
  }

  synchronized Optional<Seen> last() {
    return seen.isEmpty() ? Optional.empty() : Optional.of(seen.get(seen.size() - 1));
  }

  synchronized int number() {
    return number;
  }

  synchronized Outcome outcome() {
    return outcome;
  }

  synchronized boolean isRunning() {
    return outcome == Outcome.RUNNING;
  }

  /** Whether it streams, has begun, and has a while to go. */
  synchronized boolean isInMidAnswer() {
    int tokens = seen.isEmpty() ? 0 : seen.get(seen.size() - 1).tokens();
    return isRunning() && tokens >= BARELY_BEGUN && tokens < maxTokens - NEARLY_DONE;
  }

  /** From asking to the first part of the answer. */
  synchronized Optional<Double> firstTokenMillis() {
    return seen.stream()
        .filter(part -> part.tokens() > 0)
        .findFirst()
        .map(part -> (part.nanos() - sentNanos) / 1e6);
  }

  long sentNanos() {
    return sentNanos;
  }

  synchronized ObservedTurn observed() {
    return new ObservedTurn(api, tenant.name(), key, number, outcome, code, losses, seen, answers);
  }

  @Override
  public String toString() {
    return api + " " + session + "/" + number();
  }
}
