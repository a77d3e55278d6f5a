package io.parley.node.http.openai;

import io.parley.routing.protocol.AnswerForm;
import io.parley.routing.protocol.Message;
import io.parley.sessions.SessionCommand.TurnRequest;
import java.util.ArrayList;
import java.util.List;

/**
 * The calls of tools in a text, as {@link AnswerForm#call} writes them. A call is whole or, at the
 * end of an answer that was cut, it has the arguments so far; without a whole name it is none.
 *
 * @param text what stands before and between them, without white space that only parts calls
 */
record Calls(String text, List<Call> calls) {

  /** One call. */
  record Call(String name, String arguments, boolean whole) {}

  /**
   * Whether an answer to this may have calls in it; else its text is text, whatever it looks like.
   */
  static boolean possible(TurnRequest request) {
    return request.sampling().form().filter(form -> !form.callable().isEmpty()).isPresent();
  }

  /** The calls in an answer. */
  static Calls of(TurnRequest request, String answer) {
    return possible(request) ? in(answer) : new Calls(answer, List.of());
  }

  /** The calls in a message that a caller sent. */
  static Calls of(Message message) {
    return message.callIds().isEmpty()
        ? new Calls(message.content(), List.of())
        : in(message.content());
  }

  private static Calls in(String content) {
    CallReader reader = new CallReader();
    List<CallReader.Part> parts = new ArrayList<>(reader.push(content));
    parts.addAll(reader.end());
    StringBuilder text = new StringBuilder();
    List<Call> calls = new ArrayList<>();
    for (CallReader.Part part : parts) {
      int last = calls.size() - 1;
      if (part instanceof CallReader.Begin begin) {
        calls.add(new Call(begin.name(), "", false));
      } else if (part instanceof CallReader.Arguments more) {
        Call call = calls.get(last);
        calls.set(last, new Call(call.name(), call.arguments() + more.json(), false));
      } else if (part instanceof CallReader.End) {
        Call call = calls.get(last);
        calls.set(last, new Call(call.name(), call.arguments(), true));
      } else if (part instanceof CallReader.Text more && (last < 0 || !more.text().isBlank())) {
        text.append(more.text());
      }
    }
    return new Calls(text.toString(), List.copyOf(calls));
  }

  /** Whether the answer ended with a call, and not in one. */
  boolean called() {
    return !calls.isEmpty() && calls.get(calls.size() - 1).whole();
  }
}
