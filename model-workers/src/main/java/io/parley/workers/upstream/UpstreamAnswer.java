package io.parley.workers.upstream;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.FinishReason;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.SamplingParams;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.replica.ContextWindow;
import io.parley.workers.replica.PromptMaker;
import io.parley.workers.replica.Replica;
import io.parley.workers.text.AnswerText;
import java.net.ConnectException;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.ResponseInfo;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One work at the server: asks, asks again while the server has no room, and makes its ids into
 * tokens. The listener hears the end once; what comes later is dropped. Every method takes the
 * answer's lock, and the listener is called within it, in order.
 */
final class UpstreamAnswer {
  private static final Logger log = LoggerFactory.getLogger(UpstreamAnswer.class);

  private final UpstreamReplica replica;
  private final Work work;
  private final Replica.Listener listener;
  private final AnswerText text;

  // guarded by this
  private ContextWindow.Fitted prompt;
  private int length; // tokens of the answer, the prefix included
  private int limit;
  private Optional<CompletableFuture<HttpResponse<String>>> exchange = Optional.empty();
  private long heardNanos;
  private boolean admitted;
  private boolean gaveToken;
  private boolean over;

  UpstreamAnswer(UpstreamReplica replica, Work work, Replica.Listener listener) {
    this.replica = replica;
    this.work = work;
    this.listener = listener;
    this.text = new AnswerText(replica.tokenizer(), work.sampling().stop());
  }

  Work work() {
    return work;
  }

  /** Whether it waits for a server that has no room. */
  synchronized boolean waits() {
    return !over && exchange.isEmpty();
  }

  /** In a prompt thread: makes the prompt and asks. */
  void begin() {
    if (isOver()) {
      return;
    }
    if (work.sampling().form().filter(UpstreamAnswer::binds).isPresent()) {
      fail(FailureCode.FORM_FAILED, "an upstream's answers are held to no form");
      return;
    }
    PromptMaker.Result made;
    try {
      made = replica.promptMaker().make(work);
    } catch (RuntimeException e) {
      // without the exception's message, which may quote the prompt
      log.error("the prompt of {} could not be made: {}", work.id(), e.getClass().getName());
      fail(FailureCode.PROMPT_FAILED, "the prompt could not be made");
      return;
    }
    if (made instanceof PromptMaker.Refused refused) {
      fail(refused.code(), refused.message());
    } else {
      begin(((PromptMaker.Made) made).prompt());
    }
  }

  private static boolean binds(AnswerForm form) {
    return form.json().isPresent() || !form.callable().isEmpty();
  }

  private void begin(ContextWindow.Fitted made) {
    if (!isWhole(made)) {
      ask();
    }
  }

  /** Whether what there is of the answer is all of it; then it is finished. */
  private synchronized boolean isWhole(ContextWindow.Fitted made) {
    prompt = made;
    int room = replica.model().contextLength() - made.prompt().length;
    limit = Math.min(work.sampling().maxTokens(), room);
    for (int id : work.prefix()) {
      text.push(id);
      length++;
    }
    boolean ended = length > 0 && endsAnswer(work.prefix().get(length - 1));
    if (ended || text.stopped() || length >= limit) {
      admit();
      finish(ended || text.stopped() ? FinishReason.STOP : FinishReason.LENGTH);
      return true;
    }
    return false;
  }

  private boolean endsAnswer(int id) {
    return !work.sampling().ignoreEos() && replica.tokenizer().endOfGeneration().contains(id);
  }

  private void ask() {
    CompletableFuture<HttpResponse<String>> asked;
    synchronized (this) {
      if (over) {
        return;
      }
      if (replica.nowMillis() >= work.queueDeadlineEpochMillis()) {
        fail(FailureCode.QUEUE_TIMEOUT, "the upstream had no room in time");
        return;
      }
      SamplingParams sampling = work.sampling();
      heardNanos = System.nanoTime();
      asked =
          replica
              .server()
              .complete(
                  CompletionRequest.of(
                      replica.servedAs(), prompt.prompt(), work.prefix(), sampling, limit - length),
                  this::body);
      exchange = Optional.of(asked);
    }
    // without the lock: it may be over already, and its end may be that of all others
    var unused = asked.whenComplete(this::exchanged);
  }

  private BodySubscriber<String> body(ResponseInfo info) {
    if (info.statusCode() != 200) {
      return new BoundedBody();
    }
    synchronized (this) {
      heardNanos = System.nanoTime();
      admit();
    }
    return new EventBody(this::line);
  }

  private void admit() {
    if (!over && !admitted) {
      admitted = true;
      int tokens = prompt.prompt().length;
      // what the server has cached it says at the end, if at all
      PromptInfo info =
          new PromptInfo(
              tokens, 0, prompt.droppedMessages(), replica.model().id(), replica.variant());
      tell(() -> listener.admitted(info));
    }
  }

  private synchronized void line(String line) {
    heardNanos = System.nanoTime();
    String data;
    if (line.startsWith("data:")) {
      data = line.substring("data:".length()).strip();
    } else if (line.startsWith("error:")) { // llama.cpp's
      data = "{\"error\":" + line.substring("error:".length()) + "}";
    } else {
      return; // a comment, or a field that no server uses
    }
    if (over || data.equals("[DONE]")) {
      return;
    }
    CompletionChunk chunk =
        CompletionChunk.parse(data, replica.tokenizer(), work.sampling().logProbs());
    for (CompletionChunk.Given given : chunk.tokens()) {
      if (over) {
        return;
      }
      token(given);
    }
    if (!over && chunk.finish().isPresent()) {
      switch (chunk.finish().get()) {
        case "stop" -> finish(FinishReason.STOP);
        case "length" -> finish(FinishReason.LENGTH);
        default -> fail(FailureCode.ENGINE_FAILED, "the upstream ended the answer");
      }
      return;
    }
    if (!over && (text.stopped() || length >= limit)) {
      FinishReason reason = text.stopped() ? FinishReason.STOP : FinishReason.LENGTH;
      finish(reason);
      cancelExchange(); // it may want to say more
    }
  }

  private void token(CompletionChunk.Given given) {
    if (endsAnswer(given.id())) {
      finish(FinishReason.STOP);
      return;
    }
    if (length >= limit || text.stopped()) {
      return;
    }
    length++;
    gaveToken = true;
    Token token = new Token(given.id(), text.push(given.id()), given.logProb());
    tell(() -> listener.token(token));
  }

  /** The exchange is over: its body has ended, or failed. */
  private void exchanged(HttpResponse<String> response, Throwable failure) {
    Throwable cause =
        failure instanceof CompletionException && failure.getCause() != null
            ? failure.getCause()
            : failure;
    if (isOver()) {
      return;
    }
    if (cause instanceof UpstreamException) {
      fail(FailureCode.ENGINE_FAILED, cause.getMessage());
    } else if (isRefusal(cause)) {
      replica.gone("the upstream cannot be reached");
    } else if (cause != null) {
      log.debug("The exchange of {} failed", work.id(), cause);
      replica.suspect();
      fail(FailureCode.ENGINE_FAILED, "the connection to the upstream broke");
    } else {
      answered(response);
    }
  }

  static boolean isRefusal(Throwable cause) {
    return cause instanceof ConnectException || (cause != null && isRefusal(cause.getCause()));
  }

  private void answered(HttpResponse<String> response) {
    int status = response.statusCode();
    switch (status) {
      case 200 -> {
        replica.suspect();
        fail(FailureCode.ENGINE_FAILED, "the upstream's answer was cut off");
      }
      case 429, 503 -> askLater(response);
      case 400, 413, 422 ->
          fail(FailureCode.PROMPT_FAILED, "the upstream refused the request, HTTP " + status);
      case 401, 403, 404 -> replica.gone("the upstream serves us no more, HTTP " + status);
      default -> {
        replica.suspect();
        fail(FailureCode.ENGINE_FAILED, "the upstream failed, HTTP " + status);
      }
    }
  }

  private synchronized void askLater(HttpResponse<String> response) {
    exchange = Optional.empty();
    long wanted = response.headers().firstValue("Retry-After").map(this::millis).orElse(0L);
    long least = replica.settings().retryMin().toMillis();
    long most = replica.settings().retryMax().toMillis();
    long left = Math.max(0, work.queueDeadlineEpochMillis() - replica.nowMillis());
    replica.later(Math.min(left, Math.max(least, Math.min(most, wanted))), this::ask);
  }

  private long millis(String seconds) {
    return seconds.matches("\\d{1,6}") ? 1000L * Integer.parseInt(seconds) : 0;
  }

  /** A while has passed. */
  void look(long nowNanos) {
    synchronized (this) {
      if (over || exchange.isEmpty()) {
        return;
      }
      long silent = nowNanos - heardNanos;
      long most =
          (gaveToken ? replica.settings().stallTimeout() : replica.settings().firstTokenTimeout())
              .toNanos();
      if (silent <= most) {
        return;
      }
    }
    replica.suspect();
    fail(FailureCode.WORKER_LOST, "the upstream said nothing for too long");
  }

  private void finish(FinishReason reason) {
    if (!over) {
      String tail = text.stopped() ? "" : text.flush();
      // the held-back text may have met a stop string
      Finish finish = new Finish(text.stopped() ? FinishReason.STOP : reason, tail);
      leave();
      tell(() -> listener.finished(finish));
      exchange.ifPresent(replica::letEnd);
    }
  }

  void fail(FailureCode code, String message) {
    synchronized (this) {
      if (!over) {
        leave();
        cancelExchange();
        tell(() -> listener.failed(code, message));
      }
    }
  }

  /** Ends it without a word to its listener. */
  synchronized void cancel() {
    if (!over) {
      leave();
      cancelExchange();
    }
  }

  private void leave() {
    over = true;
    replica.left(this);
  }

  private synchronized boolean isOver() {
    return over;
  }

  private void cancelExchange() {
    exchange.ifPresent(one -> one.cancel(true));
  }

  private void tell(Runnable event) {
    try {
      event.run();
    } catch (RuntimeException e) {
      log.error("the listener of {} failed; the work is dropped", work.id(), e);
      cancel();
    }
  }
}
