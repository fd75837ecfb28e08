"""The measurements, each a row or two of the table."""

import asyncio
import contextlib
import os
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NoReturn

import aiohttp

from lab.azure.resource_manager.service import CREDENTIAL_WRITE
from lab.bench.commands import until_the_first_line
from lab.bench.resources import NAMESPACE, RESOURCES, BenchError, Resources, connected
from lab.controls import Call
from lab.operators import Operator
from lab.processes import OPERATOR, Parts, Process
from lab.running import Lab

PUBLISHED = {"GAI_THROTTLE__RATES": "Published"}
UNLIMITED = {"GAI_THROTTLE__RATES": "Unlimited"}
RUNS = 5
NO_DELAYS = {"credential_propagation": 0.0, "role_propagation": 0.0, "principal_replication": 0.0, "arm_latency": 0.0}
CHECK = 30
"""Seconds between two checks of a resource's objects in the cluster (the operator's default)."""
OTHER_PODS = 5000
FIRST_PASS = 20
"""Seconds that a restarted operator may take to its first pass."""


def critical_path(latency: float) -> float:
    """Seconds that the lab's own latencies take on the longest chain of writes to Ready.

    That chain is the identity, then its credential and its role side by side. The lab lets the write of a credential take
    25 ms at least. Entra and Blob Storage have no latency of their own there: the token and the list add nothing.
    """
    return latency + max(latency, CREDENTIAL_WRITE)


def row(what: str, measured: str, budget: str) -> None:
    """Print a row of the table."""
    print(f"  {what:<62} {measured:>24}   {budget}", flush=True)


@dataclass(frozen=True)
class Bench:
    """Measures the operator in a lab. `count` is the number of resources that are created at once."""

    lab: Lab
    count: int

    async def measure(self) -> None:
        """Print the table. Raises BenchError as soon as the operator, or the watch of its resources, ends."""
        print()
        row("what", "measured", "budget")
        await self._beyond_the_critical_path(0.0, UNLIMITED, "Unlimited")
        await self._beyond_the_critical_path(0.2, UNLIMITED, "Unlimited")
        await self._beyond_the_critical_path(0.0, PUBLISHED, "Published")
        await self._beyond_the_critical_path(0.2, PUBLISHED, "Published")
        await self._commands()
        await self._nothing_to_do()
        await self._restart()
        await self._beside_other_pods()
        await self._many()

    async def _beyond_the_critical_path(self, latency: float, variables: dict[str, str], rates: str) -> None:
        self.lab.controls.set(**NO_DELAYS | {"arm_latency": latency})
        async with self._operator(variables) as (_, resources):
            times = []
            for number in range(RUNS + 1):
                name = f"one-{number}"
                began = await resources.create(name)
                times.append(await resources.ready([name]) - began)
                await resources.delete([name])
        beyond = [(total - critical_path(latency)) * 1000 for total in times[1:]]  # the first one logs in
        measured = f"{median(beyond):.0f} ms ({min(beyond):.0f} to {max(beyond):.0f})"
        what = f"Ready beyond the critical path, ARM {latency * 1000:.0f} ms, rates {rates}"
        row(what, measured, "at most 300 ms")

    async def _commands(self) -> None:
        """What a person waits for: the help, and the status of a resource."""
        self.lab.controls.set(**NO_DELAYS)
        async with self._operator(UNLIMITED) as (_, resources):
            await resources.create("asked")
            await resources.ready(["asked"])
            for words, budget in (["--help"], "under 500 ms"), (["status", "asked", "-n", NAMESPACE], "under 1000 ms"):
                times = [await asyncio.to_thread(until_the_first_line, self.lab, words) * 1000 for _ in range(RUNS + 1)]
                read = times[1:]  # the first one reads the program from disk
                measured = f"{median(read):.0f} ms ({min(read):.0f} to {max(read):.0f})"
                row(f"kubectl gai {words[0]}, to its first line", measured, budget)
            await resources.delete(["asked"])

    async def _nothing_to_do(self) -> None:
        """A reconcile of a resource that is as it should be, and the memory of an idle operator."""
        self.lab.controls.set(**NO_DELAYS)
        async with self._operator(UNLIMITED) as (operator, resources):
            await resources.create("still")
            await resources.ready(["still"])
            self.lab.controls.clear_calls()
            before = self._versions("still")
            await resources.reconcile("still")
            writes, reads = arm_calls(self.lab.controls.calls())
            # The resource itself is written by whoever asks, and by the answer in its status.
            changed = len(before.items() - self._versions("still").items() - {("still", before["still"])})
            measured = f"{writes}, {changed}, {reads}"
            row("Asked, with nothing to do: writes to Azure, to objects, reads", measured, "0, 0, at most 3")
            row("Resident memory, one resource, idle", f"{resident(operator):.0f} MiB", "under 128 MiB")
            await self._idle(operator, "One resource")

    async def _idle(self, operator: Operator, what: str) -> None:
        """What the operator does while nobody changes anything: it checks the objects in the cluster."""
        await asyncio.sleep(CHECK)  # the checks begin after their first interval; nothing announces them
        self.lab.controls.clear_calls()
        began, before, busy = time.monotonic(), await cluster_requests(operator), cpu_seconds(operator)
        await asyncio.sleep(CHECK)
        seconds = time.monotonic() - began
        asked = (await cluster_requests(operator) - before) / seconds
        used = (cpu_seconds(operator) - busy) / seconds
        azure = sum(call.caller == "operator" for call in self.lab.controls.calls())
        measured = f"{asked:.1f}, {azure}, {used:.1%}"
        row(f"{what}, idle: requests a second to the API server, to Azure, CPU", measured, "at most 10, 0")

    async def _restart(self) -> None:
        """A restart with the resource `still` as it should be."""
        self.lab.controls.clear_calls()
        before, began = self._versions("still"), time.time()
        async with self._operator(UNLIMITED) as (operator, resources):
            await first_pass(operator)
            calls = self.lab.controls.calls()
            first = min(call.time for call in calls if call.caller == "operator") - began
            writes, reads = arm_calls(calls)
            changed = len(before.items() - self._versions("still").items())
            measured = f"{writes}, {changed}, {reads}"
            row("Restart: writes to Azure, to the cluster, ARM reads", measured, "0, 0, at most 4")
            row("First reconcile after the start of the process", f"{first:.2f} s", "within 2 s")
            await resources.exists("still")
            await resources.delete(["still"])

    async def _beside_other_pods(self) -> None:
        """A resource whose namespace has pods that are not of its GitLab, and of which one is changed again and again."""
        async with self._operator(UNLIMITED) as (operator, resources):
            await resources.create("beside")
            await resources.ready(["beside"])
            without = resident(operator)
            await resources.create_pods(OTHER_PODS)
            changing = asyncio.create_task(resources.change_pods(OTHER_PODS))
            try:
                await self._idle(operator, f"Beside {OTHER_PODS} pods of others")
            finally:
                changing.cancel()
            grown = resident(operator) - without
            row(f"Beside {OTHER_PODS} pods of others: memory more than without", f"{grown:.1f} MiB", "")
            await resources.delete(["beside"])

    async def _many(self) -> None:
        """Many resources that are created at once, and deleted at once."""
        self.lab.controls.set(**NO_DELAYS)
        names = [f"many-{number:03}" for number in range(self.count)]
        async with self._operator(UNLIMITED | {"GAI_MAX_CONCURRENT": "20"}) as (operator, resources):
            await resources.create("warm")
            await resources.ready(["warm"])
            self.lab.controls.clear_calls()
            began = min(await asyncio.gather(*(resources.create(name) for name in names)))
            last = await resources.ready(names)
            writes, reads = arm_calls(self.lab.controls.calls())
            at_once = f"{self.count} resources at once"
            row(f"{at_once}, rates Unlimited: all Ready", f"{last - began:.1f} s", f"within {self.count / 10:g} s")
            row(f"{at_once}: writes to Azure, ARM reads", f"{writes}, {reads}", f"{3 * self.count} writes")
            row(f"Resident memory, {self.count} resources", f"{resident(operator):.0f} MiB", "")
            await self._idle(operator, f"{self.count} resources")
            began = time.monotonic()
            await resources.delete([*names, "warm"])
            row(f"{self.count} resources deleted at once: all deleted", f"{time.monotonic() - began:.1f} s", "")

    @contextlib.asynccontextmanager
    async def _operator(self, variables: dict[str, str]) -> AsyncIterator[tuple[Operator, Resources]]:
        """An operator, and a client that watches its resources. When one of them ends, every wait raises BenchError."""
        async with connected(self.lab) as resources:
            operator = await asyncio.to_thread(Operator.start, self.lab, **variables)
            try:
                async with asyncio.TaskGroup() as watchers:
                    tasks = [
                        watchers.create_task(resources.follow()),
                        watchers.create_task(report_exit(Parts(self.lab.places), operator.process)),
                    ]
                    yield operator, resources
                    for task in tasks:
                        task.cancel()
            except ExceptionGroup as failed:
                raise failed.exceptions[0] from None  # the first is the cause; it cancelled the others
            finally:
                await asyncio.to_thread(operator.stop)

    def _versions(self, name: str) -> dict[str, str]:
        """The resourceVersion of a resource, and of each object that its status names."""
        resource = self.lab.api.get(f"{RESOURCES}/{name}")
        status, core = resource["status"], f"/api/v1/namespaces/{NAMESPACE}"
        objects = [
            *(f"{core}/serviceaccounts/{each['name']}" for each in status["serviceAccounts"]),
            *(f"{core}/secrets/{each}" for each in status["secrets"].values()),
            f"{core}/configmaps/{status['valuesConfigMap']}",
        ]
        found = {path: self.lab.api.get(path) for path in objects} | {name: resource}
        return {path: each["metadata"]["resourceVersion"] for path, each in found.items()}


def arm_calls(calls: list[Call]) -> tuple[int, int]:
    """How many of the calls are the operator's writes to Resource Manager, and how many its reads."""
    arm = [call for call in calls if call.caller == "operator" and call.host.startswith("management.")]
    writes = sum(call.method != "GET" for call in arm)
    return writes, len(arm) - writes


async def report_exit(parts: Parts, operator: Process) -> NoReturn:
    """Wait until the operator exits. Raises BenchError with the end of its log."""
    with operator.watched() as running:
        if running is not None:
            exited, loop = asyncio.Event(), asyncio.get_running_loop()
            loop.add_reader(running.fd, exited.set)
            try:
                await exited.wait()
            finally:
                loop.remove_reader(running.fd)
    raise BenchError(parts.with_end_of_log(OPERATOR, "ended while it was being measured"))


async def first_pass(operator: Operator) -> None:
    """Wait until the operator counts a pass, which it does after the last write of the status. Raises BenchError."""
    counted = re.compile(r'^controller_runtime_reconcile_total{.*result="success".*} [1-9]', re.MULTILINE)
    try:
        async with asyncio.timeout(FIRST_PASS), aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):  # an operator that exited is reported by report_exit
                    async with session.get(f"{operator.url}/metrics") as answer:
                        if counted.search(await answer.text()):
                            return
                await asyncio.sleep(0.05)  # nothing announces a change of a metric
    except TimeoutError as error:
        raise BenchError(f"After {FIRST_PASS} s the operator's metrics count no pass.") from error


async def cluster_requests(operator: Operator) -> int:
    """The operator's requests to the API server since its start, but for its watch, by its own metric."""
    counted = re.compile(r"^gitlab_azure_identity_cluster_requests_total{.*} (\S+)$", re.MULTILINE)
    async with aiohttp.ClientSession() as session, session.get(f"{operator.url}/metrics") as answer:
        return sum(int(float(count)) for count in counted.findall(await answer.text()))


def cpu_seconds(operator: Operator) -> float:
    """The CPU time that the process has used, in seconds (proc(5): utime and stime, in clock ticks)."""
    fields = Path(f"/proc/{operator.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(operator: Operator) -> float:
    """The process's resident memory, in MiB."""
    status = Path(f"/proc/{operator.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
