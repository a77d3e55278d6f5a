package io.parley.node.http;

import java.util.ArrayList;
import java.util.List;

/** Something that happens at most once, and what is to be done then. */
public final class Signal {
  /** Takes back what was to be done; without effect once the signal was given. */
  @FunctionalInterface
  public interface Registration {
    void remove();
  }

  private record Listener(Runnable action) {}

  private final List<Listener> listeners = new ArrayList<>(2); // guarded by this
  private boolean given; // guarded by this

  /** Does it when the signal is given, or now if it was. */
  public Registration listen(Runnable action) {
    Listener listener = new Listener(action);
    synchronized (this) {
      if (!given) {
        listeners.add(listener);
        return () -> remove(listener);
      }
    }
    action.run();
    return () -> {};
  }

  private synchronized void remove(Listener listener) {
    listeners.remove(listener);
  }

  /** Gives the signal; again it does nothing. */
  void give() {
    List<Listener> all;
    synchronized (this) {
      given = true;
      all = List.copyOf(listeners);
      listeners.clear();
    }
    all.forEach(listener -> listener.action().run());
  }

  synchronized boolean isGiven() {
    return given;
  }

  /** How many wait for it. */
  synchronized int waiting() {
    return listeners.size();
  }
}
