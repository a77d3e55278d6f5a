package io.parley.node.http;

import akka.util.ByteString;
import io.parley.sessions.SessionCommand.Failure;
import io.parley.sessions.SessionCommand.Reply.TurnSlice;
import io.parley.sessions.SessionCommand.TurnProgress;
import io.parley.sessions.SessionCommand.TurnView;
import java.util.List;
import java.util.Optional;

/**
 * Makes the events of one stream out of a turn's slices. It is told the slices in order, from the
 * index on that the reader asked for; one object serves one stream.
 */
public interface TurnEvents {
  /** The index of the first token that the reader has not seen. */
  int fromIndex();

  /**
   * Refuses a place in the stream that the turn has not reached: no reader can have come from it.
   *
   * @throws ApiException 400
   */
  void requireReached(TurnProgress turn);

  /** Whether the last slice comes with the whole turn. */
  boolean endsWithWholeTurn();

  /**
   * The events of a slice, perhaps none.
   *
   * @param whole the turn with its answer, with the last slice if it is wanted
   */
  List<ByteString> on(TurnSlice slice, Optional<TurnView> whole);

  /** Why a failed turn failed, in the words of the API that is answered. */
  ApiException failure(Optional<Failure> why);

  /** The last event of a stream that cannot go on. */
  ByteString broken(ApiException error);
}
