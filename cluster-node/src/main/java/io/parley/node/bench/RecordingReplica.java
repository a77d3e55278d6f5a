package io.parley.node.bench;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.FailureCode;
import io.parley.routing.protocol.Finish;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.SessionId;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.replica.Replica;
import io.parley.workers.reproduce.RecordedAttempt;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A replica, and a record of each work that finished, as a journal would have it. */
public final class RecordingReplica implements Replica {
  private final Replica replica;
  private final Map<SessionId, List<RecordedAttempt>> sessions = new LinkedHashMap<>();

  public RecordingReplica(Replica replica) {
    this.replica = replica;
  }

  /** The attempts so far, those of a session in order. */
  public synchronized List<List<RecordedAttempt>> sessions() {
    return sessions.values().stream().map(List::copyOf).toList();
  }

  private synchronized void add(RecordedAttempt attempt) {
    sessions.computeIfAbsent(attempt.work().id().session(), id -> new ArrayList<>()).add(attempt);
  }

  @Override
  public ModelInfo model() {
    return replica.model();
  }

  @Override
  public int slots() {
    return replica.slots();
  }

  @Override
  public String variant() {
    return replica.variant();
  }

  @Override
  public boolean start(Work work, Listener listener) {
    return replica.start(work, new Recording(work, listener));
  }

  @Override
  public void cancel(AttemptId id) {
    replica.cancel(id);
  }

  @Override
  public boolean isBroken() {
    return replica.isBroken();
  }

  @Override
  public void close() {
    replica.close();
  }

  private final class Recording implements Listener {
    private final Work work;
    private final Listener listener;
    private final List<Token> tokens = new ArrayList<>();
    private PromptInfo prompt;

    Recording(Work work, Listener listener) {
      this.work = work;
      this.listener = listener;
    }

    @Override
    public void admitted(PromptInfo info) {
      prompt = info;
      listener.admitted(info);
    }

    @Override
    public void token(Token token) {
      tokens.add(token);
      listener.token(token);
    }

    @Override
    public void finished(Finish finish) {
      add(new RecordedAttempt(work, prompt, tokens, Optional.of(finish)));
      listener.finished(finish);
    }

    @Override
    public void failed(FailureCode code, String message) {
      listener.failed(code, message);
    }
  }
}
