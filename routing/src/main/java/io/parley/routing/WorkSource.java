package io.parley.routing;

import akka.actor.typed.ActorRef;
import akka.japi.Pair;
import akka.stream.Attributes;
import akka.stream.Outlet;
import akka.stream.SourceShape;
import akka.stream.stage.AbstractGraphStageWithMaterializedValue;
import akka.stream.stage.AbstractOutHandler;
import akka.stream.stage.AsyncCallback;
import akka.stream.stage.GraphStageLogic;
import io.parley.routing.protocol.Work;

/**
 * The dispatcher's end of a worker's stream. It holds no works: each pull asks the dispatcher for
 * one, and the dispatcher answers a pull once.
 */
final class WorkSource
    extends AbstractGraphStageWithMaterializedValue<SourceShape<Work>, WorkSource.Handle> {

  /** The dispatcher's grip on a running stream. Thread-safe. */
  interface Handle {
    /** Answers the pull of late. */
    void push(Work work);

    /** Ends the stream. */
    void complete();
  }

  /** The stream wants one work. */
  record Pulled(long streamId) implements Dispatcher.Command {}

  /** The stream is over, however it ended. */
  record Ended(long streamId) implements Dispatcher.Command {}

  private final Outlet<Work> out = Outlet.create("WorkSource.out");
  private final SourceShape<Work> shape = SourceShape.of(out);
  private final ActorRef<Dispatcher.Command> dispatcher;
  private final long streamId;

  WorkSource(ActorRef<Dispatcher.Command> dispatcher, long streamId) {
    this.dispatcher = dispatcher;
    this.streamId = streamId;
  }

  @Override
  public SourceShape<Work> shape() {
    return shape;
  }

  @Override
  public Pair<GraphStageLogic, Handle> createLogicAndMaterializedValuePair(Attributes attributes) {
    Logic logic = new Logic();
    return Pair.create(logic, logic);
  }

  private final class Logic extends GraphStageLogic implements Handle {
    private final AsyncCallback<Work> pushed = createAsyncCallback(work -> push(out, work));
    private final AsyncCallback<Boolean> completed = createAsyncCallback(ignored -> complete(out));

    private Logic() {
      super(shape);
      setHandler(
          out,
          new AbstractOutHandler() {
            @Override
            public void onPull() {
              dispatcher.tell(new Pulled(streamId));
            }
          });
    }

    @Override
    public void postStop() {
      dispatcher.tell(new Ended(streamId));
    }

    @Override
    public void push(Work work) {
      pushed.invoke(work);
    }

    @Override
    public void complete() {
      completed.invoke(true);
    }
  }
}
