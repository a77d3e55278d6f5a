package io.parley.workers.replica;

import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A listener that keeps what it hears and checks the order of the events. */
public class Recorder implements Replica.Listener {
  private final CountDownLatch ended = new CountDownLatch(1);
  private final List<Token> tokens = new ArrayList<>();
  private final List<String> violations = new ArrayList<>();
  private Optional<PromptInfo> prompt = Optional.empty();
  private Optional<Finish> finish = Optional.empty();
  private Optional<FailureCode> failure = Optional.empty();
  private String message = "";

  @Override
  public synchronized void admitted(PromptInfo info) {
    check(prompt.isEmpty() && !isEnded(), "admitted out of order");
    prompt = Optional.of(info);
  }

  @Override
  public synchronized void token(Token token) {
    check(prompt.isPresent() && !isEnded(), "token out of order");
    tokens.add(token);
  }

  @Override
  public synchronized void finished(Finish end) {
    check(prompt.isPresent() && !isEnded(), "finish out of order");
    finish = Optional.of(end);
    ended.countDown();
  }

  @Override
  public synchronized void failed(FailureCode code, String text) {
    check(!isEnded(), "failed out of order");
    failure = Optional.of(code);
    message = text;
    ended.countDown();
  }

  /** Waits for the end and fails when the events were not in order. */
  public Recorder await() throws InterruptedException {
    if (!ended.await(30, TimeUnit.SECONDS)) {
      throw new AssertionError("the work did not end; " + tokens().size() + " tokens so far");
    }
    return verified();
  }

  /** This recorder, when the events so far were in order. */
  public synchronized Recorder verified() {
    if (!violations.isEmpty()) {
      throw new AssertionError(violations.toString());
    }
    return this;
  }

  public boolean isEnded() {
    return ended.getCount() == 0;
  }

  public synchronized List<Token> tokens() {
    return List.copyOf(tokens);
  }

  public synchronized List<Integer> ids() {
    return tokens.stream().map(Token::id).toList();
  }

  /** The texts of the tokens and the finish's tail. */
  public synchronized String answer() {
    StringBuilder text = new StringBuilder();
    tokens.forEach(token -> text.append(token.text()));
    finish.ifPresent(end -> text.append(end.tail()));
    return text.toString();
  }

  public synchronized Optional<PromptInfo> prompt() {
    return prompt;
  }

  public synchronized Optional<Finish> finish() {
    return finish;
  }

  public synchronized Optional<FailureCode> failure() {
    return failure;
  }

  public synchronized String message() {
    return message;
  }

  private void check(boolean ok, String what) {
    if (!ok) {
      violations.add(what);
    }
  }
}
