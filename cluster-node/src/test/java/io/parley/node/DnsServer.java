package io.parley.node;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SRVRecord;
import org.xbill.DNS.Section;

/** A name server on loopback, over UDP, with the records that a test gives it. */
final class DnsServer implements AutoCloseable {
  private static final int TTL_SECONDS = 30;
  private static final int QUESTION_MAX = 512;

  private final DatagramSocket socket;
  private final Map<Name, List<Record>> records = new ConcurrentHashMap<>();

  private DnsServer(DatagramSocket socket) {
    this.socket = socket;
  }

  static DnsServer started() throws IOException {
    DnsServer server =
        new DnsServer(
            new DatagramSocket(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)));
    Thread thread = new Thread(server::serve, "dns");
    thread.setDaemon(true);
    thread.start();
    return server;
  }

  /** As Akka's resolver is told of it. */
  String address() {
    return "127.0.0.1:" + socket.getLocalPort();
  }

  /** From now on a name has these addresses. */
  void addresses(String name, String... addresses) throws IOException {
    Name asked = Name.fromString(name + ".");
    List<Record> all = new ArrayList<>();
    for (String address : addresses) {
      all.add(new ARecord(asked, DClass.IN, TTL_SECONDS, InetAddress.getByName(address)));
    }
    records.put(asked, all);
  }

  /** From now on a service is at these ports of a host. */
  void service(String name, String host, List<Integer> ports) throws IOException {
    Name asked = Name.fromString(name + ".");
    Name target = Name.fromString(host + ".");
    records.put(
        asked,
        ports.stream()
            .map(port -> (Record) new SRVRecord(asked, DClass.IN, TTL_SECONDS, 0, 1, port, target))
            .toList());
  }

  private void serve() {
    while (!socket.isClosed()) {
      try {
        DatagramPacket packet = new DatagramPacket(new byte[QUESTION_MAX], QUESTION_MAX);
        socket.receive(packet);
        byte[] answer = answer(packet).toWire();
        socket.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
      } catch (IOException e) {
        if (!socket.isClosed()) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  private Message answer(DatagramPacket packet) throws IOException {
    Message question = new Message(Arrays.copyOf(packet.getData(), packet.getLength()));
    Record asked = question.getQuestion();
    Message answer = new Message(question.getHeader().getID());
    answer.getHeader().setFlag(Flags.QR);
    answer.getHeader().setFlag(Flags.AA);
    answer.addRecord(asked, Section.QUESTION);
    List<Record> known = records.get(asked.getName());
    if (known == null) {
      answer.getHeader().setRcode(Rcode.NXDOMAIN);
      return answer;
    }
    known.stream()
        .filter(record -> record.getType() == asked.getType())
        .forEach(record -> answer.addRecord(record, Section.ANSWER));
    return answer;
  }

  @Override
  public void close() {
    socket.close();
  }
}
