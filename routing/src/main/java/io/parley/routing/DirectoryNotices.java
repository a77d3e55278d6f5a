package io.parley.routing;

import akka.actor.typed.ActorRef;
import io.parley.routing.WorkerDirectory.Answer;
import io.parley.routing.WorkerDirectory.Describe;
import io.parley.routing.WorkerDirectory.Description;
import io.parley.routing.WorkerDirectory.Farewell;
import io.parley.routing.protocol.ModelInfo;
import io.parley.routing.protocol.WorkerMessage;
import java.util.Map;

/**
 * What a worker owes the directories that asked it once: each change of what it serves. Used by the
 * worker's thread alone.
 */
public final class DirectoryNotices {
  /** Directories, one on each node; those of nodes that are gone are the oldest. */
  private static final int DIRECTORIES_MAX = 1024;

  private final ActorRef<WorkerMessage> worker;
  private final Map<ActorRef<Answer>, Boolean> directories = Taken.bounded(DIRECTORIES_MAX);

  public DirectoryNotices(ActorRef<WorkerMessage> worker) {
    this.worker = worker;
  }

  /** Answers a directory, and remembers it. */
  public void answer(Describe describe, ModelInfo model) {
    directories.put(describe.replyTo(), true);
    describe.replyTo().tell(new Description(worker, model));
  }

  /** The worker serves this from now on. */
  public void changed(ModelInfo model) {
    directories.keySet().forEach(directory -> directory.tell(new Description(worker, model)));
  }

  /** The worker's model is being unloaded. */
  public void farewell() {
    directories.keySet().forEach(directory -> directory.tell(new Farewell(worker)));
    directories.clear();
  }
}
