package io.parley.workers;

import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.ActorContext;
import akka.stream.Materializer;
import akka.stream.StreamRefAttributes;
import akka.stream.javadsl.Keep;
import io.parley.routing.Dispatcher.FreeSlots;
import io.parley.routing.Dispatcher.GivenBack;
import io.parley.routing.Dispatcher.OpenStream;
import io.parley.routing.Dispatcher.StreamOpened;
import io.parley.routing.Dispatcher.Taken;
import io.parley.routing.Dispatcher.Withdrawn;
import io.parley.routing.Dispatcher.WorkerCommand;
import io.parley.routing.protocol.AttemptId;
import io.parley.routing.protocol.ModelId;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.Work;
import io.parley.routing.protocol.WorkerLoad;
import io.parley.routing.protocol.WorkerMessage;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A worker's streams, one with each dispatcher. A stream is opened when the worker has a free slot,
 * because it begins with a demand; each stream asks for one work at a time, while there is a free
 * slot. So with D dispatchers at most D works (and D times the prefetch in the streams' buffers)
 * can come for the same last slot; what is too much is given back. Who has not been served for
 * longest is asked first, so that none always loses. Used by the worker's thread alone.
 */
final class DispatcherLinks {

  /** A dispatcher answered, or did not in time. */
  record Opened(long linkId, Optional<StreamOpened> stream) implements Internal {}

  /** A work came out of a stream. */
  record Arrived(long linkId, Work work) implements Internal {}

  /** A stream ended, however. */
  record Over(long linkId) implements Internal {}

  private static final class Link {
    final long id;
    final ActorRef<WorkerCommand> dispatcher;
    Optional<Long> streamId = Optional.empty();
    Optional<WorkSink.Handle> handle = Optional.empty();
    boolean asks;
    int reported;

    Link(long id, ActorRef<WorkerCommand> dispatcher) {
      this.id = id;
      this.dispatcher = dispatcher;
    }
  }

  private final ActorContext<WorkerMessage> context;
  private final ActorRef<WorkerMessage> worker;
  private final WorkerSettings settings;
  private final Materializer materializer;

  /** Those come first that gave nothing for longest. */
  private final Map<ActorRef<WorkerCommand>, Link> links = new LinkedHashMap<>();

  private Set<ActorRef<WorkerCommand>> dispatchers = Set.of();
  private Optional<ModelInfo> model = Optional.empty();
  private WorkerLoad load = WorkerLoad.UNKNOWN;
  private long lastLinkId;

  DispatcherLinks(ActorContext<WorkerMessage> context, WorkerSettings settings) {
    this.context = context;
    this.worker = context.getSelf();
    this.settings = settings;
    this.materializer = Materializer.createMaterializer(context);
  }

  /** The dispatchers that there are. A stream with one that is gone ends by itself. */
  void known(Set<ActorRef<WorkerCommand>> all) {
    dispatchers = Set.copyOf(all);
  }

  /** From now on streams are opened for this model. */
  void start(ModelInfo served) {
    model = Optional.of(served);
  }

  /** Lets all dispatchers know that the model is not coming back here. */
  void withdraw(ModelId served) {
    dispatchers.forEach(dispatcher -> dispatcher.tell(new Withdrawn(worker, served)));
  }

  /** Ends all streams and opens none. What is in them is reported as lost by the dispatchers. */
  void stop() {
    model = Optional.empty();
    links.values().forEach(link -> link.handle.ifPresent(WorkSink.Handle::cancel));
    links.clear();
  }

  /** The worker's load changed, or its dispatchers. */
  void update(int freeSlots, WorkerLoad newLoad) {
    load = newLoad;
    if (model.isEmpty()) {
      return;
    }
    if (freeSlots > 0) {
      for (ActorRef<WorkerCommand> dispatcher : dispatchers) {
        if (!links.containsKey(dispatcher)) {
          open(dispatcher, model.get(), freeSlots);
        }
      }
    }
    for (Link link : links.values()) {
      if (link.streamId.isPresent() && link.reported != freeSlots) {
        report(link, freeSlots);
      }
      ask(link, freeSlots);
    }
  }

  /** Reports the load again, in case that a report was lost. */
  void reportAgain(int freeSlots, WorkerLoad newLoad) {
    load = newLoad;
    for (Link link : List.copyOf(links.values())) {
      if (link.streamId.isPresent()) {
        report(link, freeSlots);
      }
    }
  }

  void opened(Opened message, int freeSlots) {
    Link link = find(message.linkId());
    if (link == null) {
      return;
    }
    if (message.stream().isEmpty()) {
      links.remove(link.dispatcher);
      return;
    }
    StreamOpened stream = message.stream().get();
    WorkSink.Handle handle =
        stream
            .works()
            .getSource()
            .addAttributes(StreamRefAttributes.bufferCapacity(stream.prefetch()))
            .toMat(
                new WorkSink(
                    work -> worker.tell(new Arrived(link.id, work)),
                    () -> worker.tell(new Over(link.id))),
                Keep.right())
            .run(materializer);
    link.streamId = Optional.of(stream.streamId());
    link.handle = Optional.of(handle);
    report(link, freeSlots);
    // even if the last slot went meanwhile: a stream that is not asked is given up as unused
    ask(link, Math.max(1, freeSlots));
  }

  /** Confirms a work to its dispatcher; false when its stream is given up and so is the work. */
  boolean taken(Arrived message, int freeSlotsLeft, boolean begun) {
    Link link = find(message.linkId());
    if (link == null || link.streamId.isEmpty()) {
      return false;
    }
    link.asks = false;
    link.reported = freeSlotsLeft;
    links.remove(link.dispatcher);
    links.put(link.dispatcher, link);
    AttemptId id = message.work().id();
    link.dispatcher.tell(new Taken(worker, link.streamId.get(), id, freeSlotsLeft, begun));
    return true;
  }

  /** Gives a work back to its dispatcher: there is no room for it. */
  void giveBack(Arrived message) {
    Link link = find(message.linkId());
    if (link != null && link.streamId.isPresent()) {
      link.asks = false;
      link.reported = 0;
      link.dispatcher.tell(new GivenBack(worker, link.streamId.get(), message.work().id()));
    }
  }

  void over(Over message) {
    Link link = find(message.linkId());
    if (link != null) {
      links.remove(link.dispatcher);
    }
  }

  private void open(ActorRef<WorkerCommand> dispatcher, ModelInfo served, int freeSlots) {
    Link link = new Link(++lastLinkId, dispatcher);
    links.put(dispatcher, link);
    context.ask(
        StreamOpened.class,
        dispatcher,
        settings.openTimeout(),
        replyTo -> new OpenStream(worker, served, freeSlots, replyTo, load),
        (stream, failure) -> new Opened(link.id, Optional.ofNullable(stream)));
  }

  private void report(Link link, int freeSlots) {
    link.reported = freeSlots;
    link.dispatcher.tell(new FreeSlots(worker, link.streamId.orElseThrow(), freeSlots, load));
  }

  private static void ask(Link link, int freeSlots) {
    if (freeSlots > 0 && !link.asks && link.handle.isPresent()) {
      link.asks = true;
      link.handle.get().demand();
    }
  }

  private Link find(long linkId) {
    return links.values().stream().filter(link -> link.id == linkId).findFirst().orElse(null);
  }
}
