package io.parley.workers.embedding;

import akka.actor.typed.ActorRef;
import io.parley.routing.protocol.EmbeddingReply;
import io.parley.routing.protocol.EmbeddingRequest;
import io.parley.routing.protocol.TenantId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The requests that a worker has pulled, until they are answered, and the order in which their
 * texts are computed: tenants take turns, text by text. What it may hold is bounded by what its
 * worker pulls. It knows no clock and no actor.
 */
final class HeldTexts {
  /** A request, how far it is, and its vectors so far. */
  static final class Held {
    private final EmbeddingRequest request;
    private final ActorRef<EmbeddingReply> replyTo;
    private List<int[]> tokens = List.of();
    private float[][] vectors = {};
    private int given;
    private int done;

    private Held(EmbeddingRequest request, ActorRef<EmbeddingReply> replyTo) {
      this.request = request;
      this.replyTo = replyTo;
    }

    EmbeddingRequest request() {
      return request;
    }

    ActorRef<EmbeddingReply> replyTo() {
      return replyTo;
    }

    /** Of all texts together. */
    int tokenCount() {
      return tokens.stream().mapToInt(text -> text.length).sum();
    }

    /** Takes a text's vector. */
    void put(int index, float[] vector) {
      vectors[index] = vector;
      done++;
    }

    /** The vectors of all texts, when they are there. */
    Optional<float[][]> complete() {
      return done == request.size() ? Optional.of(vectors) : Optional.empty();
    }
  }

  /** A text of a request. */
  record Slot(Held held, int index) {
    int[] tokens() {
      return held.tokens.get(index);
    }
  }

  private final Map<String, Held> held = new LinkedHashMap<>();

  // tokenized ones, in the order of the tenants' turns; a tenant without any is not in it
  private final Map<TenantId, Deque<Held>> waiting = new LinkedHashMap<>();

  /** Takes a request in. */
  Held add(EmbeddingRequest request, ActorRef<EmbeddingReply> replyTo) {
    Held entry = new Held(request, replyTo);
    held.put(request.id(), entry);
    return entry;
  }

  /** Its texts may be computed from now on. Without effect when it is no longer held. */
  void ready(Held entry, List<int[]> tokens) {
    if (!isHeld(entry)) {
      return;
    }
    entry.tokens = tokens;
    entry.vectors = new float[tokens.size()][];
    waiting.computeIfAbsent(entry.request.tenant(), tenant -> new ArrayDeque<>()).add(entry);
  }

  /**
   * The next texts to compute: one of each tenant in turn, up to so many tokens, and one at least
   * where there is one.
   */
  List<Slot> next(int tokensMax) {
    List<Slot> batch = new ArrayList<>();
    int tokens = 0;
    while (!waiting.isEmpty()) {
      TenantId tenant = waiting.keySet().iterator().next();
      Deque<Held> own = waiting.get(tenant);
      Held first = own.element();
      int length = first.tokens.get(first.given).length;
      if (!batch.isEmpty() && tokens + length > tokensMax) {
        return batch;
      }
      batch.add(new Slot(first, first.given++));
      tokens += length;
      if (first.given == first.request.size()) {
        own.remove();
      }
      // its tenant had its turn
      waiting.remove(tenant);
      if (!own.isEmpty()) {
        waiting.put(tenant, own);
      }
    }
    return batch;
  }

  /** Lets a request go; false when it is not held. */
  boolean remove(Held entry) {
    if (!isHeld(entry)) {
      return false;
    }
    EmbeddingRequest request = entry.request;
    held.remove(request.id());
    Deque<Held> own = waiting.get(request.tenant());
    if (own != null && own.remove(entry) && own.isEmpty()) {
      waiting.remove(request.tenant());
    }
    return true;
  }

  Optional<Held> find(String id) {
    return Optional.ofNullable(held.get(id));
  }

  boolean isHeld(Held entry) {
    return held.get(entry.request.id()) == entry;
  }

  boolean isEmpty() {
    return held.isEmpty();
  }

  /** All requests, the oldest first. */
  List<Held> all() {
    return List.copyOf(held.values());
  }

  /** About how many tokens all of them have. */
  int estimatedTokens() {
    return held.values().stream().mapToInt(entry -> entry.request.estimatedTokens()).sum();
  }
}
