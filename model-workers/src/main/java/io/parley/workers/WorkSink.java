package io.parley.workers;

import akka.japi.Pair;
import akka.stream.Attributes;
import akka.stream.Inlet;
import akka.stream.SinkShape;
import akka.stream.stage.AbstractGraphStageWithMaterializedValue;
import akka.stream.stage.AbstractInHandler;
import akka.stream.stage.AsyncCallback;
import akka.stream.stage.GraphStageLogic;
import io.parley.routing.protocol.Work;
import java.util.function.Consumer;

/**
 * The worker's end of a stream of works. It asks for a work only when told to, and holds none;
 * Akka's own actor sinks ask ahead, which would bind works too early.
 */
final class WorkSink
    extends AbstractGraphStageWithMaterializedValue<SinkShape<Work>, WorkSink.Handle> {

  /** The worker's grip on a running stream. Thread-safe. */
  interface Handle {
    /** Asks for one work; without effect while one is asked for. */
    void demand();

    /** Ends the stream. */
    void cancel();
  }

  private final Inlet<Work> in = Inlet.create("WorkSink.in");
  private final SinkShape<Work> shape = SinkShape.of(in);
  private final Consumer<Work> arrived;
  private final Runnable over;

  /** Both are called on the stream's thread; {@code over} once, however the stream ended. */
  WorkSink(Consumer<Work> arrived, Runnable over) {
    this.arrived = arrived;
    this.over = over;
  }

  @Override
  public SinkShape<Work> shape() {
    return shape;
  }

  @Override
  public Pair<GraphStageLogic, Handle> createLogicAndMaterializedValuePair(Attributes attributes) {
    Logic logic = new Logic();
    return Pair.create(logic, logic);
  }

  private final class Logic extends GraphStageLogic implements Handle {
    private final AsyncCallback<Boolean> demanded = createAsyncCallback(ignored -> pullOnce());
    private final AsyncCallback<Boolean> cancelled = createAsyncCallback(ignored -> cancel(in));

    private Logic() {
      super(shape);
      setHandler(
          in,
          new AbstractInHandler() {
            @Override
            public void onPush() {
              arrived.accept(grab(in));
            }

            @Override
            public void onUpstreamFailure(Throwable cause) {
              // a lost dispatcher is not this stage's failure; the worker opens another stream
              completeStage();
            }
          });
    }

    private void pullOnce() {
      if (!hasBeenPulled(in) && !isClosed(in)) {
        pull(in);
      }
    }

    @Override
    public void postStop() {
      over.run();
    }

    @Override
    public void demand() {
      demanded.invoke(true);
    }

    @Override
    public void cancel() {
      cancelled.invoke(true);
    }
  }
}
