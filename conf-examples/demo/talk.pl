#!/usr/bin/perl
# talk.pl --free-port          prints a TCP port of 127.0.0.1 that nobody uses now
# talk.pl PORT SENDER RCPT     sends one message by SMTP and shows the conversation
# Only what Debian's essential perl-base has: it works on the barest machine.
use strict;
use warnings;
use IO::Socket::INET;

if ($ARGV[0] eq '--free-port') {
	my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "listen: $!\n";
	print $s->sockport, "\n";
	exit 0;
}

my ($port, $sender, $rcpt) = @ARGV;
my $s;
for (1 .. 100) {	# smtpd may still be starting
	$s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) and last;
	select undef, undef, undef, 0.1;
}
$s or die "cannot connect to 127.0.0.1:$port: $!\n";
$SIG{ALRM} = sub { die "no answer in 30 seconds\n" };
alarm 30;

sub hear {
	my $want = shift;
	while (my $line = <$s>) {
		$line =~ s/\r?\n\z//;
		print "    S: $line\n";
		next if $line =~ /^\d{3}-/;
		die "expected $want\n" unless $line =~ /^$want/;
		return;
	}
	die "the server hung up\n";
}

sub say_ {
	print "    C: $_[0]\n";
	print $s "$_[0]\r\n";
}

hear(220);
say_('EHLO client.example');		hear(250);
say_("MAIL FROM:<$sender>");		hear(250);
say_("RCPT TO:<$rcpt>");		hear(250);
say_('DATA');				hear(354);
say_($_) for "From: A friend <$sender>", "To: You <$rcpt>", 'Subject: It works', '',
    'Hello! This came in by SMTP, was committed to the queue,', 'routed by smtpd.conf and put into your Maildir.', '.';
hear(250);
say_('QUIT');				hear(221);
