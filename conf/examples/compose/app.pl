# A web app small enough to need nothing but the base image: app.pl NAME [PORT] says its name and the path.
# A path that begins with /slow is answered after a second.
use strict;
use warnings;
use IO::Socket::INET;

my $name = $ARGV[0] // "app";
my $port = $ARGV[1] // 8000;
$SIG{TERM} = $SIG{INT} = sub { exit 0 };
$SIG{CHLD} = 'IGNORE';
$| = 1;
my $listener = IO::Socket::INET->new(LocalPort => $port, Listen => 64, ReuseAddr => 1) or die "port $port: $!";

while (1) {
    my $client = $listener->accept or next;
    if (fork) {
        close $client;
        next;
    }
    my ($path) = (<$client> // '') =~ m{^\S+ (\S+)};
    while (defined(my $line = <$client>)) {
        last if $line =~ /^\r?\n$/;
    }
    $path //= '/';
    sleep 1 if $path =~ m{^/slow};
    my $body = "this is $name, asked for $path\n";
    print $client "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " . length($body) .
        "\r\nConnection: close\r\n\r\n$body";
    exit 0;
}
