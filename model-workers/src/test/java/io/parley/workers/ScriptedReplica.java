package io.parley.workers;

import static org.awaitility.Awaitility.await;

import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.PromptInfo;
import io.parley.routing.protocol.Token;
import io.parley.routing.protocol.Work;
import io.parley.workers.replica.Replica;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** A replica that does only what the test says, and remembers what it was told. */
final class ScriptedReplica implements Replica {
  final List<AttemptId> started = new CopyOnWriteArrayList<>();
  final List<AttemptId> cancelled = new CopyOnWriteArrayList<>();
  volatile boolean closed;
  volatile boolean broken;
  volatile boolean full;
  volatile boolean refused;
  volatile Duration iterationAge = Duration.ZERO;
  volatile boolean bug;

  private final ModelInfo model;
  private final int slots;
  private final Map<AttemptId, Listener> listeners = new ConcurrentHashMap<>();

  ScriptedReplica(ModelInfo model, int slots) {
    this.model = model;
    this.slots = slots;
  }

  /** The listener of an attempt, as soon as it was started. */
  Listener listener(AttemptId id) {
    await().until(() -> listeners.containsKey(id));
    return listeners.get(id);
  }

  /** Admits an attempt and gives tokens with these ids. */
  Listener admit(AttemptId id, int... tokens) {
    Listener listener = listener(id);
    listener.admitted(new PromptInfo(3, 0, 0, model.id(), variant()));
    give(listener, tokens);
    return listener;
  }

  static void give(Listener listener, int... tokens) {
    for (int token : tokens) {
      listener.token(new Token(token, "t" + token + " "));
    }
  }

  @Override
  public ModelInfo model() {
    return model;
  }

  @Override
  public int slots() {
    if (bug) {
      throw new IllegalStateException("on purpose");
    }
    return slots;
  }

  @Override
  public String variant() {
    return "scripted";
  }

  @Override
  public boolean start(Work work, Listener listener) {
    if (full) {
      refused = true;
      return false;
    }
    listeners.put(work.id(), listener);
    started.add(work.id());
    return true;
  }

  @Override
  public boolean isBroken() {
    return broken;
  }

  @Override
  public Duration iterationAge() {
    return iterationAge;
  }

  @Override
  public void cancel(AttemptId id) {
    cancelled.add(id);
  }

  @Override
  public void close() {
    closed = true;
  }
}
